import Foundation
import KuklaServer
import Testing

@Suite struct ConsolePageTests {
    @Test("The page has one style and one script, and nothing of it comes from other hosts")
    func isSelfContained() {
        let page = ConsolePage.html
        #expect(page.components(separatedBy: "<style").count == 2)
        #expect(page.components(separatedBy: "<script").count == 2)
        #expect(!page.contains(">STYLE<") && !page.contains(">SCRIPT<"))
        let others = page.replacing("http://www.w3.org/2000/svg", with: "")
        for way in ["http://", "https://", "src=\"//", "href=\"//", "@import", "url("] {
            let isThere = others.contains(way)
            #expect(!isThere, "the page has \(way)")
        }
    }

    @Test(
        "What comes from data is put into the page as text: none of the ways by which text becomes markup is in the script"
    )
    func makesNoMarkup() {
        for way in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment",
            "DOMParser", "eval(", "new Function", "srcdoc", "setHTMLUnsafe",
        ] {
            let isThere = ConsolePage.html.contains(way)
            #expect(!isThere, "the page has \(way)")
        }
    }

    @Test("Style attributes, which the policy forbids, are nowhere in the markup, nor are listeners")
    func hasNoInlineAttributes() {
        #expect(ConsolePage.html.firstRange(of: #/<[a-z][^>]*\s(style|on[a-z]+)=/#) == nil)
    }

    @Test("Every element that the script asks for by id is in the markup, or made by the script")
    func findsItsElements() {
        let page = ConsolePage.html
        let asked = Set(page.matches(of: #/\$\("([a-z-]+)"\)/#).map { String($0.1) })
        #expect(asked.count > 40)
        let missing = asked.filter { !page.contains("id=\"\($0)\"") && !page.contains("id: \"\($0)\"") }
        #expect(missing.isEmpty)
    }

    @Test("The policy allows the page's own script and style by digests, and nothing unsafe")
    func policyIsStrict() {
        let policy = ConsolePage.contentSecurityPolicy
        #expect(policy.hasPrefix("default-src 'none'; "))
        #expect(policy.contains(#/script-src 'sha256-[A-Za-z0-9+\/]{43}='/#))
        #expect(policy.contains(#/style-src 'sha256-[A-Za-z0-9+\/]{43}='/#))
        #expect(policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"))
        #expect(!policy.contains("unsafe") && !policy.contains("*"))
    }

    @Test("The headers can be sent as they are")
    func headersAreASCII() {
        for (name, value) in ConsolePage.headers {
            #expect(name == name.lowercased())
            #expect(value.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        }
        #expect(ConsolePage.entityTag.contains(#/^"[0-9a-f]{24}"$/#))
    }
}
