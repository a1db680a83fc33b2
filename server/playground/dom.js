// Elements: found and made.

export const byId = id => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined)
      made.setAttribute(key, value);
  made.append(...children);
  return made;
}
