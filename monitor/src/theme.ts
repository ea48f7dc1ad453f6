// Light or dark: as the system says, unless the reader chose.

import { signal } from "@preact/signals"

export type Theme = "auto" | "light" | "dark"

const KEY = "freesmtp-theme"

export const theme = signal<Theme>(read())
const system = matchMedia("(prefers-color-scheme: dark)")
/** Whether it is dark now. */
export const isDark = signal(false)

export function applyTheme(): void {
  system.addEventListener("change", show)
  show()
}

export function setTheme(chosen: Theme): void {
  theme.value = chosen
  try {
    localStorage.setItem(KEY, chosen)
  } catch {
    // Without storage it lasts as long as the page.
  }
  show()
}

function show(): void {
  if (theme.value === "auto") delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
  isDark.value = theme.value === "auto" ? system.matches : theme.value === "dark"
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === "light" || kept === "dark" ? kept : "auto"
  } catch {
    return "auto"
  }
}
