// How are the elements of the page found and made?

export const $ = (id) => document.getElementById(id);

export function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

export function button(text, name, press) {
  const made = element("button", text, { type: "button" });
  if (name) made.setAttribute("aria-label", name);
  made.addEventListener("click", press);
  return made;
}
