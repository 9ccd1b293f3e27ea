// @openid4vc/openid4vp as a wallet before our verifier, and as a verifier before our wallet; @owf/mdoc does the documents.
import { Buffer } from 'node:buffer'
import crypto from 'node:crypto'
import http from 'node:http'
import { calculateJwkThumbprint, HashAlgorithm, setGlobalConfig } from '@openid4vc/oauth2'
import { Openid4vpClient, Openid4vpVerifier } from '@openid4vc/openid4vp'
import { IssuerSigned } from '@owf/mdoc'
import { base64url, callbacks, newKey } from './jose.mjs'
import { fromHex, respond, verifyResponse } from './mdoc_context.mjs'
import { readQuestion, run, say } from './peer_io.mjs'

setGlobalConfig({ allowInsecureUrls: true }) // http, on this machine
const STATIC_DISCOVERY = 'https://self-issued.me/v2'
const TIMEOUT_MILLISECONDS = 60_000

/** The session that an mdoc's answer is bound to, from the request as this side knows it. */
async function sessionOf(request, encryptionJwk, { hash }) {
  const thumbprint = await calculateJwkThumbprint({ jwk: encryptionJwk, hashAlgorithm: HashAlgorithm.Sha256, hashCallback: hash })
  return {
    clientId: request.client_id,
    nonce: request.nonce,
    responseUri: request.response_uri,
    jwkThumbprint: new Uint8Array(Buffer.from(thumbprint, 'base64url')),
  }
}

/** The same request object, signed by somebody else who shows the same certificate. */
function forged(compact) {
  const input = compact.slice(0, compact.lastIndexOf('.'))
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return `${input}.${base64url(crypto.sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }))}`
}

/** The wallet: resolves and verifies the request of `link`, and answers it with `document`. `changes` make it misbehave. */
async function answer({ link, accessRoots, document, changes = {} }) {
  const walletNonce = base64url(crypto.randomBytes(32))
  const fetch = async (url, init) => {
    if (!init?.headers?.Accept?.includes('oauth-authz-req+jwt')) return globalThis.fetch(url, init)
    // 0.4.6 checks the wallet_nonce of the request object but forgets to send its own: it is added here.
    const response = await globalThis.fetch(url, { ...init, body: `${init.body}&wallet_nonce=${walletNonce}` })
    return changes.forged ? new Response(forged(await response.text()), response) : response
  }
  const used = callbacks({ roots: accessRoots.map(fromHex), fetch })
  const client = new Openid4vpClient({ callbacks: used })
  const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link })
  const resolved = await client.resolveOpenId4vpAuthorizationRequest({
    authorizationRequestPayload: params,
    wallet: {
      expectedNonce: walletNonce,
      nonce: walletNonce,
      metadata: { vp_formats_supported: { mso_mdoc: { issuerauth_alg_values: [-7], deviceauth_alg_values: [-7] } } },
    },
  })
  const request = resolved.authorizationRequestPayload
  const query = resolved.dcql.query.credentials.find(({ format, meta }) =>
    format === 'mso_mdoc' && meta.doctype_value === document.docType)
  const namespaces = {}
  for (const { path: [namespace, element] } of query.claims) (namespaces[namespace] ??= []).push(element)
  const encryptionJwk = request.client_metadata.jwks.keys[0]
  const deviceResponse = await respond({
    docType: document.docType,
    namespaces,
    issuerSigned: IssuerSigned.fromEncodedForOid4Vci(document.issuerSigned),
    deviceKey: document.deviceKey,
    session: { ...await sessionOf(request, encryptionJwk, used), ...changes.session },
  })
  const { jarm } = await client.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: { ...request, ...changes.request },
    authorizationResponsePayload: { vp_token: { [query.id]: [base64url(deviceResponse)] } },
    jarm: {
      encryption: { jwk: encryptionJwk },
      serverMetadata: {
        authorization_encryption_alg_values_supported: ['ECDH-ES'],
        authorization_encryption_enc_values_supported: ['A256GCM', 'A128GCM'],
      },
    },
  })
  const { response } = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload: request, authorizationResponsePayload: {}, jarm })
  return {
    version: resolved.version,
    client: resolved.client.prefix,
    asked: namespaces,
    registration: request.verifier_info,
    status: response.status,
    body: await response.json(),
  }
}

/** The verifier: serves one request and takes one answer over HTTP. Says its link first, then how it ended. */
async function verifier({ key, chain, verifierInfo, query, issuerRoots, changes = {} }) {
  const encryption = newKey()
  const kid = 'the key of this request'
  const used = callbacks({ keys: [key, encryption.privateJwk] })
  const peer = new Openid4vpVerifier({ callbacks: used })
  const x5c = chain.map((der) => Buffer.from(fromHex(der)).toString('base64'))
  const clientId = `x509_hash:${base64url(used.hash(fromHex(chain[0]), 'sha-256'))}`
  let request

  async function requestObject(form, origin) {
    const walletNonce = changes.walletNonce ?? form.get('wallet_nonce') ?? undefined
    const made = await peer.createOpenId4vpAuthorizationRequest({
      authorizationRequestPayload: {
        response_type: 'vp_token',
        response_mode: 'direct_post.jwt',
        client_id: clientId,
        response_uri: `${origin}/response`,
        nonce: base64url(crypto.randomBytes(32)),
        state: base64url(crypto.randomBytes(32)),
        wallet_nonce: walletNonce,
        dcql_query: query,
        verifier_info: verifierInfo,
        client_metadata: {
          jwks: { keys: [{ ...encryption.publicJwk, kid, use: 'enc', alg: 'ECDH-ES' }] },
          encrypted_response_enc_values_supported: ['A256GCM'],
          vp_formats_supported: { mso_mdoc: { issuerauth_alg_values: [-7], deviceauth_alg_values: [-7] } },
        },
      },
      wallet: { expectedNonce: walletNonce },
      jar: {
        jwtSigner: { method: 'x5c', alg: 'ES256', x5c },
        requestUri: `${origin}/request`,
        expiresInSeconds: 300,
        // Without it, 0.4.6 writes the request_uri there: OpenID4VP 1.0, 5.8 says what stands here.
        ...(changes.ownAudience ? {} : { additionalJwtPayload: { aud: STATIC_DISCOVERY } }),
      },
    })
    request = made.authorizationRequestPayload
    return made.jar.authorizationRequestJwt
  }

  async function result(form) {
    const parsed = await peer.parseOpenid4vpAuthorizationResponse({
      authorizationResponse: Object.fromEntries(form), authorizationRequestPayload: request, callbacks: used,
    })
    const session = { ...await sessionOf(request, encryption.publicJwk, used), ...changes.session }
    const verified = {}
    for (const [id, [presentation]] of Object.entries(parsed.dcql.presentations)) {
      verified[id] = await verifyResponse({
        response: new Uint8Array(Buffer.from(presentation, 'base64url')), session, roots: issuerRoots.map(fromHex),
      })
    }
    return { type: parsed.jarm.type, header: parsed.jarm.jarmHeader, verified }
  }

  const server = http.createServer(async (incoming, outgoing) => {
    const origin = `http://${incoming.headers.host}`
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    if (incoming.method === 'POST' && incoming.url === '/request') {
      const compact = await requestObject(form, origin)
      outgoing.writeHead(200, { 'Content-Type': 'application/oauth-authz-req+jwt' }).end(compact)
      return
    }
    const said = form.has('error') ? { declined: form.get('error') } : await result(form).catch((error) => ({ mistake: `${error}` }))
    outgoing.writeHead(said.mistake ? 400 : 200, { 'Content-Type': 'application/json' }).end('{}')
    say(said)
    server.close()
  })
  server.listen(0, '127.0.0.1', () => {
    const parameters = {
      client_id: clientId, request_uri: `http://127.0.0.1:${server.address().port}/request`, request_uri_method: 'post',
    }
    say({ link: `openid4vp://?${new URLSearchParams(parameters)}` })
  })
  setTimeout(() => process.exit(2), TIMEOUT_MILLISECONDS).unref()
}

if (process.argv[2] === 'verifier') await verifier(await readQuestion())
else await run({ answer })
