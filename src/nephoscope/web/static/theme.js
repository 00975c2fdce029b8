// A color of the style sheet as drawings need it: resolved for the scheme that is shown.
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

export function color(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
