# The page, the wheel with its bill of materials, and a runtime with nothing of how they were made. No step belongs to one architecture:
# `docker buildx build --platform linux/amd64,linux/arm64` makes the page once, on the machine that builds, and the rest on each.

FROM --platform=$BUILDPLATFORM node:24-slim AS page
WORKDIR /src
COPY graphiql graphiql
RUN graphiql/build.sh

FROM python:3.13-slim AS wheel
WORKDIR /src
COPY pyproject.toml MANIFEST.in README.md LICENSE requirements-dev.lock ./
COPY config config
COPY gateway gateway
COPY --from=page /src/gateway/server/graphiql gateway/server/graphiql
RUN pip wheel --no-cache-dir --constraint requirements-dev.lock --wheel-dir /wheels .
COPY release release
COPY graphiql/package.json graphiql/package-lock.json graphiql/
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --find-links /wheels --constraint requirements-dev.lock signpost-gateway license-expression \
    && python -m release.sbom /about/signpost.cdx.json

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Signpost" \
      org.opencontainers.image.description="One GraphQL endpoint over many services, whose errors say whose they are." \
      org.opencontainers.image.licenses="Apache-2.0"
# The wheels beside it are all there is to choose from.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels signpost-gateway \
    && useradd --system --uid 10001 --home-dir /var/lib/signpost --create-home signpost
COPY --from=wheel /about /usr/share/doc/signpost-gateway
USER 10001
WORKDIR /var/lib/signpost
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ.get('SIGNPOST_LIVEZ', 'http://127.0.0.1:8080/livez'), timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "/etc/signpost/gateway.yaml"]
