// @owf/mdoc as verifier, issuer and holder, driven by one JSON value on stdin and answering with one on stdout.
// Its crypto callbacks are supplied here with node:crypto: they really verify and really sign.
import { Buffer } from 'node:buffer'
import crypto from 'node:crypto'
import {
  CoseKey, DeviceKey, DeviceRequest, DeviceResponse, DocRequest, Holder, Issuer, ItemsRequest, SessionTranscript,
  SignatureAlgorithm, Verifier,
} from '@owf/mdoc'

const hex = (text) => new Uint8Array(Buffer.from(text, 'hex'))
const toHex = (bytes) => Buffer.from(bytes).toString('hex')
const certificate = (der) => new crypto.X509Certificate(Buffer.from(der))
const publicKeyOf = (key) => {
  const { kty, crv, x, y } = key.jwk
  return crypto.createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
}
const privateKeyOf = (key) => {
  const { kty, crv, x, y, d } = key.jwk
  return crypto.createPrivateKey({ key: { kty, crv, x, y, d }, format: 'jwk' })
}

function verifyCertificateChain({ trustedCertificates, x5chain, now = new Date() }) {
  const path = [...x5chain, ...trustedCertificates].map(certificate)
  let current = path[0]
  for (const next of path.slice(1)) {
    if (!current.checkIssued(next) || !current.verify(next.publicKey)) throw new Error('certificate chain is broken')
    if (now < new Date(current.validFrom) || now > new Date(current.validTo)) throw new Error('certificate has expired')
    current = next
  }
}

const context = {
  crypto: {
    random: (length) => new Uint8Array(crypto.randomBytes(length)),
    digest: ({ digestAlgorithm, bytes }) =>
      new Uint8Array(crypto.createHash(digestAlgorithm.replace('-', '').toLowerCase()).update(bytes).digest()),
    calculateEphemeralMacKey: () => {
      // @owf/mdoc 0.6.0 compares a MAC's algorithm name with its number, and so refuses every device MAC.
      throw new Error('device MACs are not checked with this peer')
    },
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) =>
        new Uint8Array(crypto.sign('sha256', toBeSigned, { key: privateKeyOf(key), dsaEncoding: 'ieee-p1363' })),
      verify: ({ sign1, key }) =>
        crypto.verify('sha256', sign1.toBeSigned, { key: publicKeyOf(key), dsaEncoding: 'ieee-p1363' }, sign1.signature),
    },
    mac0: {
      sign: () => { throw new Error('device MACs are not made with this peer') },
      verify: () => { throw new Error('device MACs are not checked with this peer') },
    },
  },
  x509: {
    getIssuerNameField: ({ certificate: der, field }) =>
      certificate(der).issuer.split('\n').filter((line) => line.startsWith(`${field}=`)).map((line) => line.slice(field.length + 1)),
    getPublicKey: ({ certificate: der }) => CoseKey.fromJwk(certificate(der).publicKey.export({ format: 'jwk' })),
    verifyCertificateChain,
    getCertificateData: ({ certificate: der }) => {
      const found = certificate(der)
      return {
        issuerName: found.issuer, subjectName: found.subject, serialNumber: found.serialNumber,
        thumbprint: found.fingerprint256, notBefore: new Date(found.validFrom), notAfter: new Date(found.validTo),
        pem: found.toString(),
      }
    },
  },
}

const transcriptOf = (transcript) =>
  SessionTranscript.forOid4Vp({ ...transcript, jwkThumbprint: transcript.jwkThumbprint && hex(transcript.jwkThumbprint) }, context)

async function verify({ response, transcript, roots, now }) {
  const checks = []
  const deviceResponse = DeviceResponse.decode(hex(response))
  await Verifier.verifyDeviceResponse({
    deviceResponse,
    sessionTranscript: await transcriptOf(transcript),
    trustedCertificates: roots.map(hex),
    now: new Date(now),
    onCheck: (check) => checks.push(check),
  }, context)
  const failed = checks.filter((check) => check.status === 'FAILED').map((check) => `${check.category}: ${check.check}`)
  const claims = {}
  for (const document of deviceResponse.documents ?? []) {
    for (const [namespace, items] of document.issuerSigned.issuerNamespaces.issuerNamespaces) {
      for (const item of items) claims[`${namespace}/${item.elementIdentifier}`] = String(item.elementValue)
    }
  }
  return { passed: checks.filter((check) => check.status === 'PASSED').length, failed, claims }
}

async function issueAndPresent({ docType, namespace, values, disclose, signerKey, signerChain, deviceKey, validity, transcript }) {
  const issuer = new Issuer(docType, context)
  issuer.addIssuerNamespace(namespace, values)
  const { d: _, ...devicePublic } = deviceKey
  const issuerSigned = await issuer.sign({
    signingKey: CoseKey.fromJwk(signerKey),
    algorithm: SignatureAlgorithm.ES256,
    digestAlgorithm: 'SHA-256',
    validityInfo: Object.fromEntries(Object.entries(validity).map(([name, text]) => [name, new Date(text)])),
    deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(devicePublic) },
    certificates: signerChain.map(hex),
  })
  const deviceRequest = DeviceRequest.create({
    docRequests: [DocRequest.create({
      itemsRequest: ItemsRequest.create({ docType, namespaces: { [namespace]: Object.fromEntries(disclose.map((name) => [name, false])) } }),
    })],
  })
  const response = await Holder.createDeviceResponseForDeviceRequest({
    deviceRequest,
    issuerSigned: [issuerSigned],
    sessionTranscript: await transcriptOf(transcript),
    signature: { signingKey: CoseKey.fromJwk({ ...deviceKey, alg: 'ES256' }) },
  }, context)
  return { issuerSigned: toHex(issuerSigned.encode()), response: toHex(response.encode()) }
}

const commands = { verify, 'issue-and-present': issueAndPresent }
const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const answer = await commands[process.argv[2]](JSON.parse(Buffer.concat(chunks).toString()))
process.stdout.write(JSON.stringify(answer))
