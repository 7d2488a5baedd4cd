/** The browser's storage for this page. Histories are kept without the headers a query was sent with: those are credentials. */
export const storage = {
  getItem: key => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, /:(queries|favorites)$/.test(key) ? withoutHeaders(value) : value),
  removeItem: key => localStorage.removeItem(key),
  clear: () => own().forEach(key => localStorage.removeItem(key)),
  get length() {
    return own().length;
  },
};

const own = () => Object.keys(localStorage).filter(key => key.startsWith('graphiql:'));

function withoutHeaders(value) {
  return JSON.stringify(JSON.parse(value), (key, inner) => (key === 'headers' ? undefined : inner));
}
