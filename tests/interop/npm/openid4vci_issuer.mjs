// @openid4vc/openid4vci and /oauth2 as issuer and authorization server before our wallet; @owf/mdoc signs the documents.
import { Buffer } from 'node:buffer'
import crypto from 'node:crypto'
import http from 'node:http'
import {
  calculateJwkThumbprint, HashAlgorithm, Oauth2AuthorizationServer, Oauth2ResourceServer, preAuthorizedCodeGrantIdentifier,
  refreshTokenGrantIdentifier, setGlobalConfig, SupportedAuthenticationScheme,
} from '@openid4vc/oauth2'
import { Openid4vciIssuer } from '@openid4vc/openid4vci'
import { CoseKey, DeviceKey, Issuer, SignatureAlgorithm } from '@owf/mdoc'
import { base64url, callbacks, newKey } from './jose.mjs'
import { context, fromHex } from './mdoc_context.mjs'
import { readQuestion, say } from './peer_io.mjs'

setGlobalConfig({ allowInsecureUrls: true }) // http, on this machine
const TIMEOUT_MILLISECONDS = 120_000
const CONFIGURATION = 'a-strangers-licence'
const fresh = () => base64url(crypto.randomBytes(32))

const { docType, namespace, values, signerKey, signerChain, validity, batchSize, changes = {} } = await readQuestion()
const serverKey = newKey()
const tokenSigner = { method: 'jwk', alg: 'ES256', publicJwk: serverKey.publicJwk }
const used = callbacks({ keys: [serverKey.privateJwk] })
const issuer = new Openid4vciIssuer({ callbacks: used })
const authorization = new Oauth2AuthorizationServer({ callbacks: used })
const resources = new Oauth2ResourceServer({ callbacks: used })
const order = { code: fresh(), txCode: '271828', dpopNonce: fresh(), cNonce: undefined, refreshToken: undefined, dpopJkt: undefined }
let url, metadata, serverMetadata

class No extends Error {
  constructor(status, error) { super(error); Object.assign(this, { status, error }) }
}

/** The key of a DPoP proof that the library verified and that carries this server's nonce; else a refusal with the nonce. */
async function dpopOf(request, status, more = {}) {
  const verified = await authorization.verifyDpopJwt({ dpopJwt: request.headers.get('DPoP'), request, allowedSigningAlgs: ['ES256'], ...more })
  if (verified.payload.nonce !== order.dpopNonce) throw new No(status, 'use_dpop_nonce')
  return verified
}

async function tokens(request, body) {
  const parsed = authorization.parseAccessTokenRequest({ accessTokenRequest: Object.fromEntries(new URLSearchParams(body)), request })
  const { header, jwkThumbprint } = await dpopOf(request, 400)
  const dpop = { required: true, jwt: parsed.dpop.jwt, allowedSigningAlgs: ['ES256'], expectedJwkThumbprint: order.dpopJkt }
  const common = { accessTokenRequest: parsed.accessTokenRequest, authorizationServerMetadata: serverMetadata, grant: parsed.grant, request, dpop }
  if (parsed.grant.grantType === preAuthorizedCodeGrantIdentifier) {
    await authorization.verifyPreAuthorizedCodeAccessTokenRequest({
      ...common, expectedPreAuthorizedCode: order.code, expectedTxCode: order.txCode,
    })
  } else if (parsed.grant.grantType === refreshTokenGrantIdentifier) {
    await authorization.verifyRefreshTokenAccessTokenRequest({ ...common, expectedRefreshToken: order.refreshToken })
  }
  order.dpopJkt = jwkThumbprint
  order.refreshToken = fresh()
  return authorization.createAccessTokenResponse({
    audience: url, authorizationServer: url, expiresInSeconds: 300, subject: 'order', signer: tokenSigner,
    dpop: { jwk: header.jwk }, refreshToken: order.refreshToken,
  })
}

async function sign(deviceJwk) {
  const document = new Issuer(docType, context)
  document.addIssuerNamespace(namespace, values)
  const { kty, crv, x, y } = deviceJwk
  const signed = await document.sign({
    signingKey: CoseKey.fromJwk(signerKey),
    algorithm: SignatureAlgorithm.ES256,
    digestAlgorithm: 'SHA-256',
    validityInfo: Object.fromEntries(Object.entries(validity).map(([name, text]) => [name, new Date(text)])),
    deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(changes.otherKey ? newKey().publicJwk : { kty, crv, x, y }) },
    certificates: signerChain.map(fromHex),
  })
  return signed.encodedForOid4Vci
}

async function credentials(request, body) {
  await resources.verifyResourceRequest({
    request, resourceServer: url, authorizationServers: [serverMetadata],
    allowedAuthenticationSchemes: [SupportedAuthenticationScheme.DPoP],
  })
  await dpopOf(request, 401, { accessToken: request.headers.get('Authorization').split(' ')[1] })
  const issuerMetadata = { credentialIssuer: metadata, authorizationServers: [serverMetadata], originalDraftVersion: 'V1',
    knownCredentialConfigurations: issuer.getKnownCredentialConfigurationsSupported(metadata) }
  const parsed = issuer.parseCredentialRequest({ issuerMetadata, credentialRequest: JSON.parse(body) })
  const proven = await Promise.all(parsed.proofs.jwt.map((jwt) =>
    issuer.verifyCredentialRequestJwtProof({ issuerMetadata, jwt, expectedNonce: order.cNonce })))
  const thumbprints = await Promise.all(proven.map(({ header }) =>
    calculateJwkThumbprint({ jwk: header.jwk, hashAlgorithm: HashAlgorithm.Sha256, hashCallback: used.hash })))
  if (new Set(thumbprints).size !== proven.length) throw new No(400, 'invalid_proof')
  order.cNonce = undefined
  const signed = await Promise.all(proven.map(({ header }) => sign(header.jwk)))
  return issuer.createCredentialResponse({ credentialRequest: parsed, credentials: signed.map((credential) => ({ credential })) })
}

const endpoints = {
  'GET /.well-known/openid-credential-issuer': () => metadata,
  'GET /.well-known/oauth-authorization-server': () => serverMetadata,
  'GET /jwks': () => ({ keys: [{ ...serverKey.publicJwk, use: 'sig', alg: 'ES256' }] }),
  'POST /nonce': () => issuer.createNonceResponse({ cNonce: (order.cNonce = fresh()) }),
  'POST /token': tokens,
  'POST /credential': credentials,
}

const server = http.createServer(async (incoming, outgoing) => {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const request = { headers: new Headers(incoming.headers), method: incoming.method, url: `${url}${incoming.url}` }
  const answer = (status, value, headers = {}) =>
    outgoing.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers }).end(JSON.stringify(value))
  try {
    answer(200, await endpoints[`${incoming.method} ${incoming.url}`](request, Buffer.concat(chunks).toString()))
  } catch (error) {
    const code = error.error ?? error.errorResponse?.error ?? error.wwwAuthenticateHeaders?.[0]?.error
    if (!code) { say({ mistake: `${error.stack}` }); return answer(500, { error: 'server_error' }) }
    answer(error.status ?? (error.wwwAuthenticateHeaders ? 401 : 400), { error: code }, { 'DPoP-Nonce': order.dpopNonce })
  }
})

server.listen(0, '127.0.0.1', async () => {
  url = `http://127.0.0.1:${server.address().port}`
  metadata = issuer.createCredentialIssuerMetadata({
    credential_issuer: url,
    credential_endpoint: `${url}/credential`,
    nonce_endpoint: `${url}/nonce`,
    batch_credential_issuance: { batch_size: batchSize },
    display: [{ name: 'A stranger', locale: 'en' }],
    credential_configurations_supported: {
      [CONFIGURATION]: {
        format: 'mso_mdoc', doctype: docType, scope: CONFIGURATION,
        cryptographic_binding_methods_supported: ['cose_key'],
        credential_signing_alg_values_supported: [-7],
        proof_types_supported: { jwt: { proof_signing_alg_values_supported: ['ES256'] } },
        credential_metadata: { display: [{ name: 'Licence of a stranger', locale: 'en' }] },
      },
    },
  })
  serverMetadata = authorization.createAuthorizationServerMetadata({
    issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks`,
    grant_types_supported: [preAuthorizedCodeGrantIdentifier, refreshTokenGrantIdentifier],
    token_endpoint_auth_methods_supported: ['none'],
    dpop_signing_alg_values_supported: ['ES256'],
    'pre-authorized_grant_anonymous_access_supported': true,
  })
  const { credentialOffer } = await issuer.createCredentialOffer({
    issuerMetadata: { credentialIssuer: metadata, authorizationServers: [serverMetadata] },
    credentialConfigurationIds: [CONFIGURATION],
    grants: { [preAuthorizedCodeGrantIdentifier]: { 'pre-authorized_code': order.code, tx_code: { input_mode: 'numeric', length: 6 } } },
  })
  say({ offer: credentialOffer, txCode: order.txCode })
})
setTimeout(() => process.exit(2), TIMEOUT_MILLISECONDS).unref()
