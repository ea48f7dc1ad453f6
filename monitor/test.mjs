// Bundles the tests beside the sources and runs them in Node; what a browser is needed for is in ../tests/monitor.
import { spawnSync } from "node:child_process"
import { readdir, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as esbuild from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, "..", "build", "monitor-test")
const names = await readdir(join(here, "src"), { recursive: true })
await rm(out, { recursive: true, force: true })
await esbuild.build({
  entryPoints: names.filter((name) => name.endsWith(".test.ts")).map((name) => join(here, "src", name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "warning",
})
const tests = (await readdir(out, { recursive: true })).filter((name) => name.endsWith(".mjs"))
const run = spawnSync(process.execPath, ["--test", ...tests.map((name) => join(out, name))], {
  stdio: "inherit",
})
process.exitCode = run.status ?? 1
