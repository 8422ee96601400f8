export const isDark = () => document.documentElement.dataset.theme === "dark";

// Of a series, by its place.
export function colour(index) {
  return `hsl(${(190 + index * 137.5) % 360} 65% ${isDark() ? 64 : 40}%)`;
}

// What a custom property of the page's style stands for, for a canvas.
export function paint(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
