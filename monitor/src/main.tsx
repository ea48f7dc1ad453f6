import { render } from "preact"
import { takeFromAddress } from "./api/token"
import { App } from "./app"
import { start } from "./live/live"
import { follow } from "./route"
import "./style/page.css"
import { applyTheme } from "./theme"

// Before anything is drawn, so that nothing flashes in the wrong colours and no token stays in the address.
applyTheme()
takeFromAddress()

addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("page")
  if (!place) return
  follow()
  start()
  render(<App />, place)
})
