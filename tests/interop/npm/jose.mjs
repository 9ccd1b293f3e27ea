// The JOSE callbacks that @openid4vc asks its users for, in node:crypto: they really sign, verify, encrypt and decrypt.
import { Buffer } from 'node:buffer'
import crypto from 'node:crypto'

export const base64url = (bytes) => Buffer.from(bytes).toString('base64url')
const json = (value) => base64url(JSON.stringify(value))
const KEY_BYTES = { A128GCM: 16, A256GCM: 32 }

/** A fresh P-256 key: both halves as JWKs. */
export function newKey() {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateJwk: privateKey.export({ format: 'jwk' }), publicJwk: publicKey.export({ format: 'jwk' }) }
}

const publicPart = ({ kty, crv, x, y }) => ({ kty, crv, x, y })
const importPublic = (jwk) => crypto.createPublicKey({ key: publicPart(jwk), format: 'jwk' })
const importPrivate = (jwk) => crypto.createPrivateKey({ key: { ...publicPart(jwk), d: jwk.d }, format: 'jwk' })

/** Verifies that `x5c` (base64, leaf first) chains to one of the roots (DER), all in their time. Returns the leaf. */
export function verifyChain(x5c, roots, now = new Date()) {
  const chain = x5c.map((der) => new crypto.X509Certificate(Buffer.from(der, 'base64')))
  const last = chain[chain.length - 1]
  const root = roots.map((der) => new crypto.X509Certificate(der)).find((one) => last.checkIssued(one) && last.verify(one.publicKey))
  if (!root) throw new Error('the certificate chain ends at no trusted root')
  chain.slice(0, -1).forEach((one, index) => {
    const issuer = chain[index + 1]
    if (!one.checkIssued(issuer) || !one.verify(issuer.publicKey)) throw new Error('the certificate chain is broken')
  })
  for (const one of [...chain, root]) {
    if (now < new Date(one.validFrom) || now > new Date(one.validTo)) throw new Error('a certificate is out of its time')
  }
  return chain[0]
}

/** RFC 7518 4.6.2: Concat KDF with SHA-256, one round for keys of at most 32 bytes. */
function contentKey(shared, { enc, apu = '', apv = '' }) {
  const number = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes }
  const field = (bytes) => Buffer.concat([number(bytes.length), bytes])
  const party = (text) => field(Buffer.from(text, 'base64url'))
  const info = [field(Buffer.from(enc)), party(apu), party(apv), number(KEY_BYTES[enc] * 8)]
  return crypto.createHash('sha256').update(Buffer.concat([number(1), shared, ...info])).digest().subarray(0, KEY_BYTES[enc])
}

export function encryptJwe({ publicJwk, alg, enc, apu, apv }, plaintext) {
  if (alg !== 'ECDH-ES' || !KEY_BYTES[enc]) throw new Error(`not implemented: ${alg} with ${enc}`)
  const ephemeral = newKey()
  const header = { alg, enc, kid: publicJwk.kid, epk: publicPart(ephemeral.publicJwk), apu, apv }
  const shared = crypto.diffieHellman({ privateKey: importPrivate(ephemeral.privateJwk), publicKey: importPublic(publicJwk) })
  const [protectedHeader, iv] = [json(header), crypto.randomBytes(12)]
  const cipher = crypto.createCipheriv(`aes-${KEY_BYTES[enc] * 8}-gcm`, contentKey(shared, header), iv)
  cipher.setAAD(Buffer.from(protectedHeader))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return [protectedHeader, '', ...[iv, ciphertext, cipher.getAuthTag()].map(base64url)].join('.')
}

export function decryptJwe(compact, privateJwk) {
  const [protectedHeader, , iv, ciphertext, tag] = compact.split('.')
  const header = JSON.parse(Buffer.from(protectedHeader, 'base64url'))
  if (header.alg !== 'ECDH-ES' || !KEY_BYTES[header.enc]) throw new Error(`not implemented: ${header.alg} with ${header.enc}`)
  const shared = crypto.diffieHellman({ privateKey: importPrivate(privateJwk), publicKey: importPublic(header.epk) })
  const decipher = crypto.createDecipheriv(`aes-${KEY_BYTES[header.enc] * 8}-gcm`, contentKey(shared, header), Buffer.from(iv, 'base64url'))
  decipher.setAAD(Buffer.from(protectedHeader))
  decipher.setAuthTag(Buffer.from(tag, 'base64url'))
  return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString()
}

/** Every callback that @openid4vc calls here. `keys` are the private JWKs of this party, `roots` whom it believes (DER). */
export function callbacks({ keys = [], roots = [], fetch = globalThis.fetch, ...more }) {
  const keyFor = ({ x, y }) => keys.find((key) => key.x === x && key.y === y)
  const certified = (x5c) => new crypto.X509Certificate(Buffer.from(x5c[0], 'base64')).publicKey.export({ format: 'jwk' })
  return {
    fetch,
    hash: (data, algorithm) => new Uint8Array(crypto.createHash(algorithm.replace('-', '')).update(data).digest()),
    generateRandom: (length) => new Uint8Array(crypto.randomBytes(length)),
    signJwt: (signer, { header, payload }) => {
      const publicJwk = signer.method === 'x5c' ? certified(signer.x5c) : signer.publicJwk
      const input = `${json(header)}.${json(payload)}`
      const signature = crypto.sign('sha256', Buffer.from(input), { key: importPrivate(keyFor(publicJwk)), dsaEncoding: 'ieee-p1363' })
      return { jwt: `${input}.${base64url(signature)}`, signerJwk: publicJwk }
    },
    verifyJwt: (signer, { header, compact }) => {
      if (header.alg !== 'ES256') return { verified: false }
      const signerJwk = signer.method === 'x5c'
        ? verifyChain(signer.x5c, roots).publicKey.export({ format: 'jwk' })
        : signer.publicJwk
      const [input, signature] = [compact.slice(0, compact.lastIndexOf('.')), compact.slice(compact.lastIndexOf('.') + 1)]
      const key = { key: importPublic(signerJwk), dsaEncoding: 'ieee-p1363' }
      return { verified: crypto.verify('sha256', Buffer.from(input), key, Buffer.from(signature, 'base64url')), signerJwk }
    },
    encryptJwe: (encryptor, plaintext) => ({ jwe: encryptJwe(encryptor, plaintext), encryptionJwk: encryptor.publicJwk }),
    decryptJwe: (compact, options) => {
      const key = options?.jwk && keyFor(options.jwk)
      return key
        ? { decrypted: true, decryptionJwk: options.jwk, payload: decryptJwe(compact, key) }
        : { decrypted: false, decryptionJwk: undefined, payload: undefined }
    },
    getX509CertificateMetadata: () => ({ sanDnsNames: [], sanUriNames: [] }),
    ...more,
  }
}
