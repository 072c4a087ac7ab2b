/** What MISP's table of default feeds does not say, by URL: a short name, the type of the values, columns of dates, notes. */
interface Known {
  readonly slug: string;
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly note?: string;
  readonly left_out?: string;
}

const ip = { value_type: "ip" };
const domain = { value_type: "domain" };
const url = { value_type: "url" };
const LICENSED = "Wants a licence of the provider.";
const LOCK_OUT = "Tor relays: no malice by itself. At most one fetch in 30 minutes, both Tor lists together.";
const NEW_NAMES = "Newly registered names: a matter of policy, no malice by itself. Expect many matches.";
const ABUSE_CH = "abuse.ch may want a key: key_file, and key_header: Auth-Key.";

/** dataplane.org: ASN, name, address, time, category, with bars between them. */
const dataplane = (slug: string): Known => ({ slug: `dataplane-${slug}`, settings: { ...ip, last_seen_column: 4 } });

export const KNOWN: Readonly<Record<string, Known>> = {
  "https://cdn.ellio.tech/community-feed": { slug: "ellio", settings: ip },
  "https://www.circl.lu/doc/misp/feed-osint": { slug: "circl-osint" },
  "https://www.botvrij.eu/data/feed-osint": { slug: "botvrij" },
  "https://rules.emergingthreats.net/blockrules/compromised-ips.txt": {
    slug: "emergingthreats-compromised",
    settings: ip,
  },
  "https://www.dan.me.uk/torlist/?exit": { slug: "tor-exit-nodes", settings: ip, note: LOCK_OUT },
  "https://www.dan.me.uk/torlist/": { slug: "tor-all-nodes", settings: ip, note: LOCK_OUT },
  "https://cybercrime-tracker.net/all.php": { slug: "cybercrime-tracker" },
  "https://data.phishtank.com/data/online-valid.csv": {
    slug: "phishtank",
    settings: { ...url, first_seen_column: 4 },
    note: "Without an application key in the URL only a few fetches a day are answered.",
  },
  "https://snort.org/downloads/ip-block-list": { slug: "snort-ip-block-list", settings: ip },
  "https://raw.githubusercontent.com/pan-unit42/iocs/master/diamondfox/diamondfox_panels.txt": {
    slug: "diamondfox-panels",
  },
  "https://home.nuug.no/~peter/pop3gropers.txt": { slug: "pop3gropers", settings: ip },
  "https://feodotracker.abuse.ch/downloads/ipblocklist.csv": {
    slug: "feodo",
    settings: { ...ip, first_seen_column: 1, last_seen_column: 5, comment_column: 6, allow_empty: true },
    note: "Empty at times.",
  },
  "https://openphish.com/feed.txt": { slug: "openphish", settings: url },
  "https://raw.githubusercontent.com/ktsaou/blocklist-ipsets/master/firehol_level1.netset": {
    slug: "firehol-level1",
    settings: ip,
    note: "Also has private and unrouted networks, which are quarantined.",
  },
  "https://osint.bambenekconsulting.com/feeds/c2-ipmasterlist-high.txt": {
    slug: "bambenek-c2-ips",
    settings: ip,
    note: LICENSED,
  },
  "https://osint.bambenekconsulting.com/feeds/c2-dommasterlist-high.txt": {
    slug: "bambenek-c2-domains",
    settings: domain,
    note: LICENSED,
  },
  "https://cinsscore.com/list/ci-badguys.txt": { slug: "ci-badguys", settings: ip },
  "https://reputation.alienvault.com/reputation.generic": { slug: "alienvault-reputation", settings: ip },
  "https://lists.blocklist.de/lists/all.txt": { slug: "blocklist-de", settings: ip },
  "https://dataplane.org/vncrfb.txt": dataplane("vncrfb"),
  "https://dataplane.org/sshpwauth.txt": dataplane("sshpwauth"),
  "https://dataplane.org/sipregistration.txt": dataplane("sipregistration"),
  "https://dataplane.org/sipquery.txt": dataplane("sipquery"),
  "https://dataplane.org/sipinvitation.txt": dataplane("sipinvitation"),
  "https://dataplane.org/dnsrd.txt": dataplane("dnsrd"),
  "https://dataplane.org/dnsrdany.txt": dataplane("dnsrdany"),
  "https://dataplane.org/dnsversion.txt": dataplane("dnsversion"),
  "https://dataplane.org/proto41.txt": dataplane("proto41"),
  "https://dataplane.org/smtpdata.txt": dataplane("smtpdata"),
  "https://dataplane.org/smtpgreet.txt": dataplane("smtpgreet"),
  "https://dataplane.org/telnetlogin.txt": dataplane("telnetlogin"),
  "https://osint.bambenekconsulting.com/feeds/dga-feed-high.csv": {
    slug: "bambenek-dga",
    settings: domain,
    note: LICENSED,
  },
  "http://vxvault.net/URL_List.php": { slug: "vxvault", settings: url, note: "Plain HTTP: can be changed on its way." },
  "https://sslbl.abuse.ch/blacklist/sslblacklist.csv": {
    slug: "sslbl-certificates",
    settings: { value_type: "x509", first_seen_column: 1, comment_column: 3 },
    note: "Called IPBL in MISP, but the list of certificates: SHA-1 fingerprints of servers.",
  },
  "https://cybercrime-tracker.net/ccamlist.php": { slug: "cybercrime-tracker-hashes" },
  "https://cybercrime-tracker.net/ccamgate.php": { slug: "cybercrime-tracker-gates" },
  "https://blocklist.greensnow.co/greensnow.txt": { slug: "greensnow", settings: ip },
  "https://gitlab.com/ZeroDot1/CoinBlockerLists/raw/master/list.txt?inline=false": {
    slug: "coinblocker-all",
    settings: domain,
  },
  "https://gitlab.com/ZeroDot1/CoinBlockerLists/raw/master/list_optional.txt?inline=false": {
    slug: "coinblocker-optional",
    settings: domain,
  },
  "https://gitlab.com/ZeroDot1/CoinBlockerLists/raw/master/list_browser.txt?inline=false": {
    slug: "coinblocker-browser",
    settings: domain,
  },
  "https://urlhaus.abuse.ch/downloads/csv_recent/": {
    slug: "urlhaus",
    settings: { ...url, first_seen_column: 2, last_seen_column: 5, comment_column: 6 },
    note: ABUSE_CH,
  },
  "https://api.cybercure.ai/feed/get_ips?type=csv": { slug: "cybercure-ips", settings: ip },
  "https://api.cybercure.ai/feed/get_url?type=csv": { slug: "cybercure-urls", settings: url },
  "https://api.cybercure.ai/feed/get_hash?type=csv": { slug: "cybercure-hashes" },
  "http://www.ipspamlist.com/public_feeds.csv": { slug: "ipspamlist", note: "Plain HTTP: can be changed on its way." },
  "https://mirai.security.gives/data/ip_list.txt": { slug: "mirai-security-gives", settings: ip },
  "https://malsilo.gitlab.io/feeds/dumps/url_list.txt": { slug: "malsilo-urls", settings: url },
  "https://malsilo.gitlab.io/feeds/dumps/ip_list.txt": { slug: "malsilo-ips", settings: ip },
  "https://malsilo.gitlab.io/feeds/dumps/domain_list.txt": { slug: "malsilo-domains", settings: domain },
  "https://malshare.com/daily/malshare.current.all.txt": { slug: "malshare" },
  "https://benkow.cc/export.php": { slug: "benkow-panels" },
  "https://osint.digitalside.it/Threat-Intel/digitalside-misp-feed/": { slug: "digitalside" },
  "https://feeds.ecrimelabs.net/data/metasploit-cve": {
    slug: "metasploit-cves",
    left_out: "it only names CVE ids, and no alert is matched by those",
  },
  "https://bazaar.abuse.ch/export/txt/md5/recent/": {
    slug: "malwarebazaar-md5",
    settings: { value_type: "md5" },
    note: ABUSE_CH,
  },
  "https://phishstats.info/phish_score.csv": { slug: "phishstats", settings: { ...url, first_seen_column: 1 } },
  "https://threatfox.abuse.ch/downloads/misp/": { slug: "threatfox-misp", note: ABUSE_CH },
  "https://bazaar.abuse.ch/downloads/misp/": { slug: "malwarebazaar-misp", note: ABUSE_CH },
  "https://urlhaus.abuse.ch/downloads/misp/": { slug: "urlhaus-misp", note: ABUSE_CH },
  "https://feeds.honeynet.asia/url/latest-url-unique.csv": { slug: "honeynet-asia-urls", settings: url },
  "https://feeds.honeynet.asia/bruteforce/latest-sshbruteforce-unique.csv": { slug: "honeynet-asia-ssh", settings: ip },
  "https://feeds.honeynet.asia/bruteforce/latest-telnetbruteforce-unique.csv": {
    slug: "honeynet-asia-telnet",
    settings: ip,
  },
  "https://threatfox.abuse.ch/export/csv/recent/": {
    slug: "threatfox",
    settings: { first_seen_column: 1, last_seen_column: 9, comment_column: 8 },
    note: ABUSE_CH,
  },
  "https://jamesbrine.com.au/csv": { slug: "jamesbrine", settings: ip },
  "https://hole.cert.pl/domains/domains.txt": { slug: "cert-pl", settings: domain },
  "https://cti.bb.com.br:8443/hash-list.csv": { slug: "banco-do-brasil-hashes" },
  "https://shreshtait.com/newly-registered-domains/nrd-1w": {
    slug: "shreshta-nrd-1w",
    settings: domain,
    note: NEW_NAMES,
  },
  "https://shreshtait.com/newly-registered-domains/nrd-1m": {
    slug: "shreshta-nrd-1m",
    settings: domain,
    note: NEW_NAMES,
  },
  "https://raw.githubusercontent.com/infobloxopen/threat-intelligence/main/indicators/misp": { slug: "infoblox" },
  "https://threatview.io/Downloads/Experimental-IOC-Tweets.txt": { slug: "threatview-tweets" },
  "https://threatview.io/Downloads/High-Confidence-CobaltStrike-C2%20-Feeds.txt": { slug: "threatview-c2" },
  "https://threatview.io/Downloads/IP-High-Confidence-Feed.txt": { slug: "threatview-ips", settings: ip },
  "https://threatview.io/Downloads/DOMAIN-High-Confidence-Feed.txt": { slug: "threatview-domains", settings: domain },
  "https://threatview.io/Downloads/MD5-HASH-ALL.txt": { slug: "threatview-md5", settings: { value_type: "md5" } },
  "https://threatview.io/Downloads/URL-High-Confidence-Feed.txt": { slug: "threatview-urls", settings: url },
  "https://threatview.io/Downloads/MALICIOUS-BITCOIN_FEED.txt": {
    slug: "threatview-bitcoin",
    left_out: "it only names Bitcoin addresses, and no alert is matched by those",
  },
  "https://threatview.io/Downloads/SHA-HASH-FEED.txt": { slug: "threatview-sha" },
};
for (const level of [1, 2, 3, 4, 5, 6, 7, 8])
  (KNOWN as Record<string, Known>)[`https://raw.githubusercontent.com/stamparm/ipsum/master/levels/${level}.txt`] = {
    slug: `ipsum-${level}`,
    settings: ip,
  };
