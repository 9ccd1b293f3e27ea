// @openid4vc/openid4vci as a wallet: from an offer to documents, which @owf/mdoc then verifies.
import { clientAuthenticationAnonymous, Oauth2Client, preAuthorizedCodeGrantIdentifier, setGlobalConfig } from '@openid4vc/oauth2'
import { Openid4vciClient } from '@openid4vc/openid4vci'
import { callbacks, newKey } from './jose.mjs'
import { fromHex, verifyIssued } from './mdoc_context.mjs'
import { run } from './peer_io.mjs'

setGlobalConfig({ allowInsecureUrls: true }) // http, on this machine

/** A wallet with a DPoP key of its own, and a note of every request that it makes. */
function newWallet() {
  const [requests, keys, dpopKey] = [[], [], newKey()]
  keys.push(dpopKey.privateJwk)
  const fetch = async (url, init) => {
    const response = await globalThis.fetch(url, init)
    requests.push(`${init?.method ?? 'GET'} ${new URL(url).pathname} ${response.status}`)
    return response
  }
  const used = callbacks({ keys, fetch, clientAuthentication: clientAuthenticationAnonymous() })
  return {
    requests,
    keys,
    signer: (key) => ({ method: 'jwk', alg: 'ES256', publicJwk: key.publicJwk }),
    dpopKey,
    client: new Openid4vciClient({ callbacks: used }),
    oauth: new Oauth2Client({ callbacks: used }),
  }
}

/** `copies` documents of one configuration, each on a fresh key, verified; with `changes` the wallet misbehaves. */
async function obtain(wallet, issuerMetadata, tokens, { configurationId, copies, roots, changes = {} }) {
  const { c_nonce } = await wallet.client.requestNonce({ issuerMetadata })
  const deviceKeys = Array.from({ length: copies }, newKey)
  deviceKeys.forEach((key) => wallet.keys.push(key.privateJwk))
  const proofs = await Promise.all(deviceKeys.map((key) => wallet.client.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId: configurationId, signer: wallet.signer(key), nonce: changes.nonce ?? c_nonce,
  })))
  const dpopKey = changes.dpopKey ?? wallet.dpopKey
  if (changes.dpopKey) wallet.keys.push(changes.dpopKey.privateJwk)
  const { credentialResponse } = await wallet.client.retrieveCredentials({
    issuerMetadata,
    credentialConfigurationId: configurationId,
    proofs: { jwt: proofs.map((proof) => proof.jwt) },
    accessToken: tokens.accessTokenResponse.access_token,
    dpop: { signer: wallet.signer(dpopKey), nonce: tokens.dpop.nonce },
  })
  return Promise.all(credentialResponse.credentials.map(async ({ credential }, index) => {
    const { deviceKey, ...verified } = await verifyIssued({ issuerSigned: credential, roots: roots.map(fromHex) })
    if (deviceKey.x !== deviceKeys[index].publicJwk.x || deviceKey.y !== deviceKeys[index].publicJwk.y) {
      throw new Error('the document is bound to another key')
    }
    return { configurationId, issuerSigned: credential, deviceKey: deviceKeys[index].privateJwk, ...verified }
  }))
}

async function redeem(wallet, { offer, txCode }) {
  const credentialOffer = await wallet.client.resolveCredentialOffer(offer)
  const issuerMetadata = await wallet.client.resolveIssuerMetadata(credentialOffer.credential_issuer)
  const tokens = await wallet.client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode, dpop: { signer: wallet.signer(wallet.dpopKey) },
  })
  return { credentialOffer, issuerMetadata, tokens }
}

async function receive({ offer, txCode, wanted, roots, renew, changes }) {
  const wallet = newWallet()
  const { credentialOffer, issuerMetadata, tokens } = await redeem(wallet, { offer, txCode })
  const documents = []
  for (const { configurationId, copies } of wanted) {
    documents.push(...await obtain(wallet, issuerMetadata, tokens, {
      configurationId, copies, roots, changes: changes?.otherDpopKey ? { dpopKey: newKey() } : changes,
    }))
  }
  const { access_token: _, refresh_token: refreshToken, ...told } = tokens.accessTokenResponse
  const renewed = renew && await refreshed(wallet, issuerMetadata, refreshToken, { configurationId: renew, copies: 1, roots })
  return {
    offered: credentialOffer.credential_configuration_ids,
    asksForTxCode: credentialOffer.grants[preAuthorizedCodeGrantIdentifier].tx_code,
    version: issuerMetadata.originalDraftVersion,
    known: Object.keys(issuerMetadata.knownCredentialConfigurations),
    told,
    documents,
    renewed,
    requests: wallet.requests,
  }
}

async function refreshed(wallet, issuerMetadata, refreshToken, wanted) {
  const tokens = await wallet.oauth.retrieveRefreshTokenAccessToken({
    authorizationServerMetadata: issuerMetadata.authorizationServers[0],
    refreshToken,
    dpop: { signer: wallet.signer(wallet.dpopKey) },
  })
  return obtain(wallet, issuerMetadata, tokens, wanted)
}

await run({ receive })
