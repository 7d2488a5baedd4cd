// The versions of these pages, below their title: the list is beside their folders, and may be younger than this page.
document.addEventListener("DOMContentLoaded", () => {
  const root = new URL(document.documentElement.dataset.content_root, document.baseURI);
  const list = document.createElement("script");
  list.src = new URL("../versions.js", root);
  list.onload = () => {
    const brand = document.querySelector(".sidebar-brand");
    if (!brand || !window.VERSIONS) return;
    const here = root.pathname.split("/").filter(Boolean).pop();
    const choice = document.createElement("select");
    choice.className = "versions";
    choice.setAttribute("aria-label", "Version");
    for (const version of window.VERSIONS) choice.add(new Option(version, version, version === here, version === here));
    choice.onchange = async () => {
      const page = document.baseURI.slice(root.href.length);
      const same = new URL(`../${choice.value}/${page}`, root);
      const there = await fetch(same, { method: "HEAD" }).then((answer) => answer.ok, () => false);
      location.href = there ? same : new URL(`../${choice.value}/index.html`, root);
    };
    brand.after(choice);
  };
  document.head.append(list);
});
