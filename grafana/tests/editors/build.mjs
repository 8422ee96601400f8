// Bundles the page and Grafana's packages into the folder that is the only argument.
import { build } from "esbuild";

const result = await build({
  entryPoints: { page: "page.js" },
  absWorkingDir: import.meta.dirname,
  outdir: process.argv[2],
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  loader: { ".ttf": "dataurl", ".svg": "dataurl", ".png": "dataurl", ".woff2": "dataurl" },
  define: { "process.env.NODE_ENV": '"production"', global: "window" },
  logLevel: "error",
});
process.exit(result.errors.length);
