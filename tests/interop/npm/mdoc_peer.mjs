// @owf/mdoc as verifier, issuer and holder.
import { CoseKey, DeviceKey, Issuer, SignatureAlgorithm } from '@owf/mdoc'
import { context, fromHex, respond, toHex, verifyResponse } from './mdoc_context.mjs'
import { run } from './peer_io.mjs'

const sessionOf = (session) => ({ ...session, jwkThumbprint: session.jwkThumbprint && fromHex(session.jwkThumbprint) })

function verify({ response, transcript, roots, now }) {
  return verifyResponse({
    response: fromHex(response), session: sessionOf(transcript), roots: roots.map(fromHex), now: new Date(now),
  })
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
    certificates: signerChain.map(fromHex),
  })
  const response = await respond({
    docType, namespaces: { [namespace]: disclose }, issuerSigned, deviceKey, session: sessionOf(transcript),
  })
  return { issuerSigned: toHex(issuerSigned.encode()), response: toHex(response) }
}

await run({ verify, 'issue-and-present': issueAndPresent })
