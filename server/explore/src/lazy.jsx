import { useEffect, useState } from "preact/hooks";

// A component that is fetched when it is first shown; `load` gives it.
export function lazy(load) {
  let loaded = null;
  return function Lazy(props) {
    const [Shown, setShown] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Shown) return;
      let current = true;
      load().then((component) => {
        loaded = component;
        if (current) setShown(() => loaded);
      }, () => current && setFailed(true));
      return () => { current = false; };
    }, []);
    if (failed) return <p class="error" role="alert">A part of the page did not arrive. Reload the page.</p>;
    return Shown && <Shown {...props} />;
  };
}
