import { useState } from "preact/hooks";

const KEY = "headwater.theme";
const root = document.documentElement;
root.dataset.theme = localStorage.getItem(KEY) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

export function Theme() {
  const [theme, setTheme] = useState(root.dataset.theme);
  const other = theme === "dark" ? "light" : "dark";
  function change() {
    root.dataset.theme = other;
    localStorage.setItem(KEY, other);
    setTheme(other);
    dispatchEvent(new Event("themechange"));
  }
  return <button class="theme" onClick={change} aria-label={`Use the ${other} theme`}>{other === "dark" ? "☾" : "☀"}</button>;
}
