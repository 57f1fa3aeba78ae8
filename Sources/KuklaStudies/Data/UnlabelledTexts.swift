import Foundation
import KuklaFormats
import KuklaNumerics

extension StudyBench {
    /// WikiText-2's validation and test articles, a paragraph a text, its marks for rare words and hyphens undone (Merity et al. 2016).
    func wikiText(limit: Int = .max) throws(KuklaError) -> [String] {
        var paragraphs: [String] = []
        for part in ["valid", "test"] {
            let reader = try LineReader(data("wikitext2_valid_test/\(part).txt.gz"))
            while paragraphs.count < limit, let line = try reader.nextString() {
                let text = line.trimmingCharacters(in: .whitespaces)
                if text.isEmpty || text.hasPrefix("=") { continue }
                paragraphs.append(
                    text.replacing("<unk>", with: "").replacing(" @-@ ", with: "-")
                        .replacing(" @,@ ", with: ",").replacing(" @.@ ", with: "."))
            }
        }
        return paragraphs
    }
}
