// Builds the page into the agent's sources, which embed it. The same sources give the same octets.
//   node build.mjs           builds
//   node build.mjs --watch   builds whenever a source changes, unminified
import { copyFile, mkdir, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as esbuild from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const page = join(here, "..", "agent", "src", "http", "page")
const watch = process.argv.includes("--watch")

/** The licences of what is bundled ask to travel with it. */
async function licences() {
  const { dependencies } = JSON.parse(await readFile(join(here, "package.json"), "utf8"))
  const names = [...Object.keys(dependencies), "@preact/signals-core"].sort()
  const texts = names.map(async (name) => {
    const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8")
    return `${name}\n\n${text.trim()}`
  })
  return `/*!\n${(await Promise.all(texts)).join("\n\n---\n\n")}\n*/`
}

await mkdir(page, { recursive: true })
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(page, name))
}
const options = {
  entryPoints: { app: join(here, "src", "main.tsx") },
  outdir: page,
  bundle: true,
  minify: !watch,
  format: "iife",
  target: ["chrome123", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "ascii",
  legalComments: "none",
  banner: { js: await licences() },
  absWorkingDir: here,
  logLevel: "warning",
}
if (watch) {
  const context = await esbuild.context(options)
  await context.watch()
} else {
  await esbuild.build(options)
}
