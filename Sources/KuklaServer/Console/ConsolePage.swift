import Crypto
import Foundation

/// The console: one page that stands at `/`, without a build step and without anything from other hosts.
///
/// What it shows it asks of the HTTP API under the page's own address, and puts into the page as text only: the policy that goes with it
/// forbids the ways by which text becomes markup (trusted types), and every script and style but the page's own.
package enum ConsolePage {
    /// The page as it is sent.
    package static let html: String =
        markup
        .replacingOccurrences(of: ">STYLE<", with: ">\n\(style)\n<")
        .replacingOccurrences(of: ">SCRIPT<", with: ">\n\(script)\n<")

    /// The script's parts, in the order in which they are read: one module, so that nothing of it is global.
    static let script = [
        coreScript, shellScript, searchScript, chartScript, planScript, mapScript, readerScript, importScript,
        snapshotsScript, manageScript, serverScript, startScript,
    ].joined(separator: "\n")

    /// The headers that the page is sent with.
    package static let headers: [(name: String, value: String)] = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", contentSecurityPolicy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-cache"),
        ("etag", entityTag),
    ]

    /// Allows the page's own style and script, by their SHA-256, and requests to its own host; nothing else.
    package static let contentSecurityPolicy = [
        "default-src 'none'",
        "script-src '\(digest(of: "script"))'",
        "style-src '\(digest(of: "style"))'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ].joined(separator: "; ")

    /// The page's entity tag, for answers without a body to browsers that have it.
    package static let entityTag =
        "\"\(SHA256.hash(data: Data(html.utf8)).prefix(12).map { String(format: "%02x", $0) }.joined())\""

    /// What a policy calls the content of the page's one `element`.
    private static func digest(of element: String) -> String {
        guard let start = html.range(of: "<\(element)"),
            let open = html.range(of: ">", range: start.upperBound..<html.endIndex),
            let end = html.range(of: "</\(element)>", range: open.upperBound..<html.endIndex)
        else { fatalError("ConsolePage: the page has no <\(element)>") }
        let content = Data(html[open.upperBound..<end.lowerBound].utf8)
        return "sha256-\(Data(SHA256.hash(data: content)).base64EncodedString())"
    }
}
