// How a peer is driven: one JSON value on stdin, one on stdout; a refusal by the peer or by us is an answer too.

/** What standard error an exception of @openid4vc stands for; undefined if it is no refusal but a mistake. */
function refusal(error) {
  const response = error.errorResponse ?? error.response?.credentialErrorResponseResult?.data
  if (!response?.error) return undefined
  const http = error.response?.response ?? error.response
  return { error: response.error, description: response.error_description, status: http?.status }
}

export async function readQuestion() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

export function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export async function run(commands) {
  const question = await readQuestion()
  try {
    say(await commands[process.argv[2]](question))
  } catch (error) {
    const refused = refusal(error)
    if (!refused) throw error
    say({ refused })
  }
}
