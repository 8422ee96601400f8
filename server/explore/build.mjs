// Bundles the page into the server's package, with the licences of everything that is in the bundle.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.EXPLORE_OUT ?? join(here, "../src/headwater_server/http/static");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: { explore: "src/main.jsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  splitting: true,  // what only some need is fetched when it is shown
  chunkNames: "[name]-[hash]",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
cpSync(join(here, "index.html"), join(out, "index.html"));
writeFileSync(join(out, "LICENSES.txt"), licences(Object.keys(result.metafile.inputs)));

function licences(inputs) {
  const packages = new Set(inputs.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
  return [...packages].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = existsSync(folder) && readdirSync(folder).find((each) => /^licen[sc]e/i.test(each));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : `Licensed under ${license}.`;
    return `${name} ${version} (${license})\n\n${text}\n`;
  }).join("\n" + "-".repeat(80) + "\n\n");
}
