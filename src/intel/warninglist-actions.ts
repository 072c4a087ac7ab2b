import type { WarninglistAction } from "./warninglists.ts";

/**
 * What a hit on a public list means: the lists themselves carry no category. `suppress`: the value says nothing by itself, a
 * match is noise. `annotate`: shared or well-known infrastructure, where bad things live next door to good ones; the score goes
 * down and the analyst is told; so do lists of parts of names, which anybody can put into a name of their own. A list that is not here annotates: only a person may decide to hide matches.
 */
const SUPPRESSING: readonly (readonly [slug: string, name: string])[] = [
  ["apple", "List of known Apple IP ranges"],
  ["captive-portals", "Captive Portal Detection Hostnames"],
  ["common-contact-emails", "Common contact e-mail addresses"],
  ["common-ioc-false-positive", "List of known hashes with common false-positives (based on Florian Roth input list)"],
  ["crl-hostname", "CRL and OCSP domains"],
  ["crl-ip", "CRL and OCSP IP addresses"],
  ["eicar.com", "List of hashes for EICAR test virus"],
  ["empty-hashes", "List of known hashes for empty files"],
  ["google", "List of known google domains"],
  ["google-gmail-sending-ips", "List of known Gmail sending IP ranges"],
  ["ipv6-linklocal", "List of IPv6 link local blocks"],
  ["microsoft", "List of known microsoft domains"],
  ["microsoft-azure-appid", "List of Azure Applicaiton IDs"],
  ["microsoft-office365", "List of known Office 365 URLs"],
  ["microsoft-office365-cn", "List of known Office 365 IP address ranges in China"],
  ["microsoft-office365-ip", "List of known Office 365 IP address ranges"],
  ["microsoft-win10-connection-endpoints", "List of known Windows 10 connection endpoints"],
  ["mozilla-CA", "Fingerprint of trusted CA certificates"],
  ["mozilla-IntermediateCA", "Fingerprint of known intermediate of trusted certificates"],
  ["multicast", "List of RFC 5771 multicast CIDR blocks"],
  ["phone_numbers", "Unattributed phone number."],
  ["public-dns-hostname", "List of known public DNS resolvers expressed as hostname"],
  ["public-dns-v4", "List of known IPv4 public DNS resolvers"],
  ["public-dns-v6", "List of known IPv6 public DNS resolvers"],
  ["rfc1918", "List of RFC 1918 CIDR blocks"],
  ["rfc3849", "List of RFC 3849 CIDR blocks"],
  ["rfc5735", "List of RFC 5735 CIDR blocks"],
  ["rfc6598", "List of RFC 6598 CIDR blocks"],
  ["rfc6761", "List of RFC 6761 Special-Use Domain Names"],
  ["second-level-tlds", "Second level TLDs as known by Mozilla Foundation"],
  ["security-provider-blogpost", "List of known security providers/vendors blog domain"],
  ["ti-falsepositives", "Hashes that are often included in IOC lists but are false positives."],
  ["tlds", "TLDs as known by IANA"],
  ["tipline-empty-hashes", "Tipline: hashes of the empty file"],
  ["tipline-public-dns", "Tipline: well-known public DNS resolvers"],
  ["tipline-public-dns-hostname", "Tipline: names of well-known public DNS resolvers"],
  ["wikimedia", "List of known Wikimedia address ranges"],
];

/** Public lists that annotate; kept so that a new public list shows as unknown in the test that compares. By slug. */
const ANNOTATING: readonly string[] = (
  "akamai alexa alphastrike-research-nt-scanning alphastrike-scanning amazon-aws automated-malware-analysis bank-website bufferover-nt-scanning bunny-net " +
  "censys-scanning check-host-net circl-security-scanning circl-ssh-scanning cisco_top1000 cisco_top10k cisco_top20k cisco_top5k " +
  "cloudflare cloudflare-top100k cloudflare-top10k cloudflare-top1k cloudflare-top200 cloudflare-top20k cloudflare-top2k " +
  "cloudflare-top50k cloudflare-top5k coalition-signals-intelligence-nt-scanning covid covid-19-cyber-threat-coalition-whitelist " +
  "covid-19-krassi-whitelist cybergreen-nt-scanning cyberresilience-nt-scanning cypex-nt-scanning dax30 digitalside " +
  "disposable-email dynamic-dns f6-nt-scanning fastly findip-host github google-gcp googlebot icloud-private-relay " +
  "internet-census-nt-scanning internetcleanup-scanner intrinsec-nt-scanning ipinfo-nt-scanning ipip-nt-scanning link-in-bio " +
  "lots-project majestic_million microsoft-attack-simulator microsoft-azure microsoft-azure-china microsoft-azure-germany " +
  "microsoft-azure-us-gov microsoft-mdca-proxy modat-nt-scanning modat-scanner moz-top500 netsecscan-nt-scanning " +
  "netsecscan-scanning onyphe-nt-scanning onyphe-scanner openai-gptbot oracle-oci ovh-cluster palo-alto-networks-cortex-cloud " +
  "palo-alto-networks-cortex-xpanse parking-domain parking-domain-ns probethenet-nt-scanning public-ipfs-gateways " +
  "rapid7-nt-scanning research-scanner-nt-scanning shadowforce-nt-scanning shadowforce-scanning shadowserver " +
  "shadowserver-nt-scanning shodan-nt-scanning shodan-scanning sinkholes skipa-nt-scanning smtp-receiving-ips smtp-sending-ips " +
  "stackpath stretchoid-nt-scanning telegram-ips tenable-cloud-ipv4 tenable-cloud-ipv6 tranco10k umbrella-blockpage-hostname " +
  "umbrella-blockpage-v4 umbrella-blockpage-v6 umich-cse-connection-attempts university_domains url-shortener vpn-ipv4 vpn-ipv6 " +
  "whats-my-ip zscaler"
).split(" ");

const suppressing = new Set(SUPPRESSING.flat());
const known = new Set([...suppressing, ...ANNOTATING]);

/** By the folder's name, or the list's own where it came from a server. */
export function actionOf(slug: string, name: string): WarninglistAction {
  return suppressing.has(slug) || suppressing.has(name) ? "suppress" : "annotate";
}

/** False for lists that our table does not know; they annotate. */
export function isKnownList(slug: string): boolean {
  return known.has(slug);
}
