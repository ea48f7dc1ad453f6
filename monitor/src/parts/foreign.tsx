// Text that came from outside. It is only ever text, it cannot turn the direction of what stands beside it, and what
// would not be seen is written out.

import { codePoint, pieces, written } from "../text"

export function Foreign({ text, title }: { text: string; title?: string }) {
  return (
    <bdi class="foreign" title={title}>
      {pieces(text).map((piece) =>
        piece.hidden ? (
          <span class="unseen" title={codePoint(piece.text)}>
            {written(piece.text)}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  )
}

/** What a server said, once: many texts begin with their enhanced status code themselves. */
export function Reply({
  code,
  status,
  text,
}: {
  code?: number | null
  status?: string | null
  text?: string | null
}) {
  const said = text ?? ""
  const head = [code || "", status && !said.startsWith(status) ? status : ""].filter(Boolean).join(" ")
  return (
    <>
      {head && `${head} `}
      <Foreign text={said} />
    </>
  )
}

/** An address; the null reverse-path is written as SMTP writes it. */
export const Email = ({ text }: { text: string | null }) => <Foreign text={text || "<>"} />
