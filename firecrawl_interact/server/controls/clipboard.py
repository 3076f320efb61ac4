"""Texts that go from a page to its desk's clipboard, and back."""

from __future__ import annotations

from firecrawl_interact.server.controls.desk import Desk

# What is selected, in whatever frame or shadow has the focus. Passwords are not given away, as ever.
_SELECTED = """() => {
  let place = document, found = document.activeElement;
  while (found) {
    let inner = null;
    try { inner = found.shadowRoot || found.contentDocument; } catch { break; }
    if (!inner) break;
    if (inner.getSelection) place = inner;
    if (!inner.activeElement) break;
    found = inner.activeElement;
  }
  if (found && typeof found.selectionStart === "number")
    return found.type === "password" ? "" : found.value.slice(found.selectionStart, found.selectionEnd);
  return String(place.getSelection());
}"""


async def copy(desk: Desk) -> str:
    """Copy what is selected and return it; where nothing is, the clipboard stays as it was."""
    text = str(await (await desk.tab()).run(_SELECTED))
    if text:
        desk.clipboard = text
    return text


async def paste(desk: Desk, text: str) -> None:
    """Put a text where the cursor is, in place of what is selected."""
    await (await desk.tab()).call("Input.insertText", text=text)
