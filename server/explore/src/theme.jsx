import { useEffect, useState } from "preact/hooks";

const KEY = "headwater.theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const wanted = () => localStorage.getItem(KEY) ?? (system.matches ? "dark" : "light");
root.dataset.theme = wanted();

export function Theme() {
  const [theme, setTheme] = useState(root.dataset.theme);
  const other = theme === "dark" ? "light" : "dark";
  function show(next) {
    root.dataset.theme = next;
    setTheme(next);
    dispatchEvent(new Event("themechange"));
  }
  function change() {
    localStorage.setItem(KEY, other);
    show(other);
  }
  // The system's theme counts until one is chosen here.
  useEffect(() => {
    const follow = () => show(wanted());
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  return <button class="theme" onClick={change} aria-label={`Use the ${other} theme`}>{other === "dark" ? "☾" : "☀"}</button>;
}
