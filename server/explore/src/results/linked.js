// What a result looks like, as part of the page's link.
import { useEffect, useState } from "preact/hooks";
import { parse, readState, writeState } from "../url.js";

// A text under `key` of the link; empty unless someone chose.
export function useLinked(key) {
  const [value, setValue] = useState(() => readState()[key] ?? "");
  useEffect(() => {
    const follow = () => setValue(readState()[key] ?? "");
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, [key]);
  function choose(next) {
    setValue(next);
    writeState({ [key]: next });
  }
  return [value, choose];
}

// The same of an object; what is undefined or false in it is left out.
export function useLinkedOptions(key) {
  const [text, choose] = useLinked(key);
  const found = parse(text);
  const options = found && typeof found === "object" && !Array.isArray(found) ? found : {};
  function change(changes) {
    const kept = Object.entries({ ...options, ...changes }).filter(([, value]) => value);
    choose(kept.length ? JSON.stringify(Object.fromEntries(kept)) : "");
  }
  return [options, change];
}
