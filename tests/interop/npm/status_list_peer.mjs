// Token Status Lists as JWTs: the peer reads ours and writes its own. It leaves signatures and times to its user: here.
import { Buffer } from 'node:buffer'
import { StatusList, createHeaderAndPayload, getListFromStatusListJWT, getStatusListFromJWT } from '@sd-jwt/jwt-status-list'
import { base64url, callbacks, verifyChain } from './jose.mjs'
import { run } from './peer_io.mjs'

const parts = (jwt) => jwt.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))

/** What our list says at each of the indices, once its chain, signature and times hold. */
function read({ token, root, uri, now, indices }) {
  const [header, payload] = parts(token)
  const leaf = verifyChain(header.x5c, [Buffer.from(root, 'base64')], new Date(now * 1000))
  const signer = { method: 'jwk', publicJwk: leaf.publicKey.export({ format: 'jwk' }) }
  const { verified } = callbacks({}).verifyJwt(signer, { header, compact: token })
  if (!verified || header.typ !== 'statuslist+jwt' || payload.sub !== uri) return { refused: 'signature or subject' }
  if (payload.iat > now || payload.exp <= now) return { refused: 'time' }
  const list = getListFromStatusListJWT(token)
  return { bits: list.getBitsPerStatus(), size: list.statusList.length, at: indices.map((index) => list.getStatus(index)) }
}

/** A list of the peer's own, signed with the key and chain that it is given. */
function write({ statuses, bits, uri, iat, exp, ttl, x5c, key }) {
  const { header, payload } = createHeaderAndPayload(
    new StatusList(statuses, bits), { sub: uri, iat, exp, ttl }, { alg: 'ES256', typ: 'statuslist+jwt', x5c })
  return { token: callbacks({ keys: [key] }).signJwt({ method: 'x5c', x5c }, { header, payload }).jwt }
}

/** The place that a document's status claim names, as the peer reads it out of a JWT. */
function reference({ status }) {
  const part = (value) => base64url(JSON.stringify(value))
  return getStatusListFromJWT(`${part({ alg: 'none' })}.${part({ status })}.`)
}

await run({ read, write, reference })
