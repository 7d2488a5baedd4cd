# The page, the wheel, and a runtime with nothing of how they were made.

FROM node:24-slim AS page
WORKDIR /src
COPY graphiql graphiql
RUN graphiql/build.sh

FROM python:3.13-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements-dev.lock ./
COPY config config
COPY gateway gateway
COPY --from=page /src/gateway/server/graphiql gateway/server/graphiql
RUN pip wheel --no-cache-dir --constraint requirements-dev.lock --wheel-dir /wheels .

FROM python:3.13-slim
# The wheels beside it are all there is to choose from.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels signpost-gateway \
    && useradd --system --uid 10001 --home-dir /var/lib/signpost --create-home signpost
USER 10001
WORKDIR /var/lib/signpost
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ.get('SIGNPOST_LIVEZ', 'http://127.0.0.1:8080/livez'), timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "/etc/signpost/gateway.yaml"]
