import Foundation
import KuklaFormats
import KuklaNumerics

/// Texts without judgements.
struct NamedTexts: Sendable {
    let name: String
    let texts: [String]
}

extension StudyBench {
    /// The different sentences of the STS benchmark's training pairs, in their order (Cer et al. 2017).
    func similaritySentences() throws(KuklaError) -> NamedTexts {
        var seen = Set<String>()
        let pairs = try SentencePair.readAll(data("stsbenchmark/sts-train.csv"))
        return NamedTexts(
            name: "STS-B",
            texts: pairs.flatMap { [$0.first, $0.second] }.filter { seen.insert($0).inserted })
    }

    /// The user's texts, under the name of their file; nil where none are given. Of more than `limit`, as many at even distances.
    func ownTexts(limit: Int = 20_000) throws(KuklaError) -> NamedTexts? {
        guard let texts else { return nil }
        let all = try TextReader(texts).readAll().map(\.text)
        let count = min(limit, all.count)
        return NamedTexts(
            name: String(texts.lastPathComponent.prefix { $0 != "." }),
            texts: (0..<count).map { all[$0 * all.count / count] })
    }

    /// Texts of which a study asks for neighbours only: those of AG News, STS-B and the user.
    func unjudgedTexts() throws(KuklaError) -> [NamedTexts] {
        let news = try agNews()
        return [NamedTexts(name: news.name, texts: news.texts), try similaritySentences()]
            + [try ownTexts()].compactMap(\.self)
    }
}
