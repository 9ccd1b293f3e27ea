// The crypto that @owf/mdoc asks its users for, in node:crypto: it really verifies and really signs.
import { Buffer } from 'node:buffer'
import crypto from 'node:crypto'
import {
  CoseKey, DeviceRequest, DeviceResponse, DocRequest, Holder, IssuerSigned, ItemsRequest, SessionTranscript, Verifier,
} from '@owf/mdoc'

export const fromHex = (text) => new Uint8Array(Buffer.from(text, 'hex'))
export const toHex = (bytes) => Buffer.from(bytes).toString('hex')
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

export const context = {
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

/** The transcript of OpenID4VP, built by @owf/mdoc. `jwkThumbprint` is 32 bytes, or nothing. */
export const transcriptOf = (session) => SessionTranscript.forOid4Vp(session, context)

/** The names of the checks that a DeviceResponse (bytes) failed, how many it passed, and what it claims. */
export async function verifyResponse({ response, session, roots, now = new Date() }) {
  const checks = []
  const deviceResponse = DeviceResponse.decode(response)
  await Verifier.verifyDeviceResponse({
    deviceResponse,
    sessionTranscript: await transcriptOf(session),
    trustedCertificates: roots,
    now,
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

/** What an IssuerSigned (base64url, as OpenID4VCI carries it) says, and the names of the checks that it failed. */
export async function verifyIssued({ issuerSigned, roots, now = new Date() }) {
  const checks = []
  await Holder.verifyIssuerSigned({
    issuerSigned, trustedCertificates: roots, now, verificationCallback: (check) => checks.push(check),
  }, context)
  const parsed = IssuerSigned.fromEncodedForOid4Vci(issuerSigned)
  const mso = parsed.issuerAuth.mobileSecurityObject
  const { kty, crv, x, y } = mso.deviceKeyInfo.deviceKey.jwk
  return {
    failed: checks.filter((check) => check.status === 'FAILED').map((check) => check.check),
    passed: checks.filter((check) => check.status === 'PASSED').length,
    docType: mso.docType,
    deviceKey: { kty, crv, x, y },
    elements: Object.fromEntries([...parsed.issuerNamespaces.issuerNamespaces].map(([namespace, items]) =>
      [namespace, items.map((item) => item.elementIdentifier)])),
  }
}

/** A DeviceResponse (bytes) of one document with some of its elements, signed by the device. */
export async function respond({ docType, namespaces, issuerSigned, deviceKey, session }) {
  const flagged = ([namespace, names]) => [namespace, Object.fromEntries(names.map((name) => [name, false]))]
  const itemsRequest = ItemsRequest.create({ docType, namespaces: Object.fromEntries(Object.entries(namespaces).map(flagged)) })
  const response = await Holder.createDeviceResponseForDeviceRequest({
    deviceRequest: DeviceRequest.create({ docRequests: [DocRequest.create({ itemsRequest })] }),
    issuerSigned: [issuerSigned],
    sessionTranscript: await transcriptOf(session),
    signature: { signingKey: CoseKey.fromJwk({ ...deviceKey, alg: 'ES256' }) },
  }, context)
  return response.encode()
}
