import { useEffect, useState } from "preact/hooks";
import { pluginSettings } from "../api.js";

// What the host tells of the plugins of `types`, by type, as far as it has come; and why one did not.
export function usePlugins(types) {
  const [plugins, setPlugins] = useState({});
  const [failure, setFailure] = useState("");
  const wanted = types.filter((type) => !plugins[type]).join("\n");
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    setFailure("");
    for (const type of wanted.split("\n")) {
      pluginSettings(type).then(
        (plugin) => current && setPlugins((old) => ({ ...old, [type]: plugin })),
        (error) => current && setFailure(error.message),
      );
    }
    return () => { current = false; };
  }, [wanted]);
  return { plugins, failure };
}
