/**
 * Hosts that serve everybody: URLs on them are listed one by one, while the name alone is in very many harmless alerts. Grouped by
 * what they are; a name stands for itself only, not for its subdomains.
 */
const POPULAR = new Set(
  [
    // Code and packages
    "github.com raw.githubusercontent.com gist.github.com gist.githubusercontent.com codeload.github.com api.github.com",
    "objects.githubusercontent.com gitlab.com bitbucket.org sourceforge.net pypi.org files.pythonhosted.org registry.npmjs.org",
    "www.npmjs.com hub.docker.com registry-1.docker.io www.nuget.org repo1.maven.org cdn.jsdelivr.net unpkg.com cdnjs.cloudflare.com",
    // Files
    "drive.google.com docs.google.com drive.usercontent.google.com storage.googleapis.com firebasestorage.googleapis.com",
    "sites.google.com script.google.com onedrive.live.com 1drv.ms api.onedrive.com www.dropbox.com dropbox.com",
    "dl.dropboxusercontent.com www.mediafire.com mega.nz we.tl wetransfer.com s3.amazonaws.com archive.org web.archive.org",
    "catbox.moe files.catbox.moe transfer.sh pixeldrain.com gofile.io anonfiles.com box.com app.box.com",
    // Texts
    "pastebin.com paste.ee rentry.co hastebin.com telegra.ph controlc.com ghostbin.com notion.so www.notion.so medium.com",
    // Talk and social media
    "discord.com cdn.discordapp.com media.discordapp.net discordapp.com t.me telegram.me api.telegram.org telegram.org",
    "www.facebook.com facebook.com m.facebook.com www.instagram.com twitter.com x.com t.co www.linkedin.com linkedin.com lnkd.in",
    "www.reddit.com www.tiktok.com www.youtube.com youtube.com youtu.be vk.com steamcommunity.com slack.com files.slack.com",
    // Shorteners
    "bit.ly tinyurl.com is.gd goo.gl cutt.ly rb.gy ow.ly shorturl.at rebrand.ly tiny.cc",
    // The large ones
    "google.com www.google.com www.googleapis.com www.gstatic.com fonts.googleapis.com accounts.google.com translate.google.com",
    "microsoft.com www.microsoft.com login.microsoftonline.com graph.microsoft.com outlook.office365.com outlook.office.com",
    "download.microsoft.com forms.office.com go.microsoft.com www.bing.com bing.com login.live.com aka.ms",
    "www.apple.com apple.com www.amazon.com amazon.com www.cloudflare.com workers.dev pages.dev www.wikipedia.org en.wikipedia.org",
    "www.yahoo.com duckduckgo.com www.adobe.com www.paypal.com www.ebay.com www.mozilla.org ngrok.io",
  ].flatMap((group) => group.split(" ")),
);

/** Takes a canonical host. */
export function isPopularHost(host: string): boolean {
  return POPULAR.has(host);
}
