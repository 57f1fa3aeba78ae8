import Foundation
import KuklaFormats
import KuklaNumerics

/// News of agencies with two labels each: what it is about, and who wrote it.
struct NewsAspects: Sendable {
    let texts: [String]
    let topics: [Int32]
    let sources: [Int32]
    /// Numbers of texts.
    let training: [Int]
    let test: [Int]

    static let names = ["topic", "source"]

    func labels(_ aspect: String) -> [Int32] { aspect == "topic" ? topics : sources }
    var sourceCount: Int { Set(sources).count }
    /// Texts that still name an agency.
    var leaks: Int { texts.count { $0.contains(Self.agency.ignoresCase()) } }

    init(_ bench: StudyBench) throws(KuklaError) {
        var seen = Set<String>()
        var all: [(text: String, topic: Int32, source: Int32)] = []
        for (text, topic) in try bench.agNewsArticles() where bench.scale == .full || all.count < 150 {
            guard let found = text.firstMatch(of: Self.marker), let source = Self.sources[String(found.1)]
            else { continue }
            let cleaned = Self.cleaned(text)
            if seen.insert(cleaned).inserted { all.append((cleaned, topic, source)) }
        }
        // The same part of the articles whatever the seed.
        var random = RandomSource(seed: 2203)
        let count = all.count
        let chosen = random.sample(count, below: count).map { all[$0] }
        texts = chosen.map(\.text)
        topics = chosen.map(\.topic)
        sources = chosen.map(\.source)
        let first = count * 3 / 5
        (training, test) = (Array(0..<first), Array(first..<min(count, first + 1_000)))
    }

    private static let sources: [String: Int32] = [
        "Reuters": 0, "AP": 1, "AFP": 2, "Sports Network": 3, "Canadian Press": 4, "CP": 4,
    ]
    private static var marker: Regex<(Substring, Substring)> {
        /\((Reuters|AP|AFP|Sports Network|Canadian Press|CP)\)/
    }
    private static var agency: Regex<Substring> {
        /\(?\b(?:reuters|associated press|ap|afp|agence france[ -]presse|sports ?network|canadian press|cp)\b\)?/
    }
    /// All up to the last marker at the head of the text: the dateline too is a habit of one agency.
    private static var dateline: Regex<Substring> {
        /^.{0,70}?(?:\((?:Reuters|AP|AFP|Sports Network|Canadian Press|CP)\)|\b(?:Reuters|AP|AFP|SportsNetwork|Canadian Press|CP))\s*-{1,2}\s/
    }

    /// The article without what names its source.
    static func cleaned(_ article: String) -> String {
        var text = article.replacing("\\", with: " ")
        for (entity, mark) in [("#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("quot;", "\"")] {
            text = text.replacing(entity, with: mark)
        }
        text = text.replacing(/<[^>]*>/, with: " ").replacing(/#\d+;/, with: " ")
        let parts = text.split(separator: " . ", maxSplits: 1)
        var body = parts.count > 1 ? parts[1] : ""
        while let head = body.firstMatch(of: dateline) { body = body[head.range.upperBound...] }
        return "\(parts.first ?? ""). \(body)".replacing(agency.ignoresCase(), with: " ")
            .replacing(/\s+/, with: " ").trimmingCharacters(in: .whitespaces)
    }
}

extension StudyBench {
    /// All articles of AG News at hand, title and description with " . " between, and their classes from 0: the 7,600 of the test
    /// part and 10,000 others.
    func agNewsArticles() throws(KuklaError) -> [(text: String, topic: Int32)] {
        var all: [(text: String, topic: Int32)] = []
        let test = try DelimitedReader(ByteSource(data("ag_news/test.csv.gz")), dialect: .csv)
        while try test.next() {
            guard test.fieldCount == 3, let label = Int32(try test.field(0)) else {
                throw test.failure("expected class, title and description")
            }
            all.append((try test.field(1) + " . " + test.field(2), label - 1))
        }
        let others = try DelimitedReader(
            ByteSource(data("ag_news/noisy_ag_news_10000_train_origin.csv.gz")), dialect: .csv)
        while try others.next() {
            guard others.lineNumber > 1 else { continue }
            guard others.fieldCount == 4, let label = Int32(try others.field(1)) else {
                throw others.failure("expected crowd label, true label, text and group")
            }
            all.append((try others.field(2), label))
        }
        return all
    }
}
