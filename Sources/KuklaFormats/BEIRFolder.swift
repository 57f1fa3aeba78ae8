public import Foundation
public import KuklaNumerics

/// A retrieval data set as BEIR lays it out: `corpus.jsonl`, `queries.jsonl` (each also `.gz`) and
/// `qrels/{test,dev,train}.tsv`.
///
/// Source: Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
/// Models", arXiv:2104.08663.
public struct BEIRFolder: Sendable {
    public let url: URL
    /// The splits that have judgments, of "test", "dev" and "train", in this order.
    public let splits: [String]
    private let corpusFile: URL
    private let queriesFile: URL

    /// Looks for the files of a data set in the folder `url`.
    ///
    /// - Throws: `KuklaError(.missingFile)` naming what is not there.
    public init(_ url: URL) throws(KuklaError) {
        self.url = url
        corpusFile = try BEIRFolder.file(["corpus.jsonl", "corpus.jsonl.gz"], in: url)
        queriesFile = try BEIRFolder.file(["queries.jsonl", "queries.jsonl.gz"], in: url)
        splits = ["test", "dev", "train"].filter { split in
            (try? BEIRFolder.file(BEIRFolder.judgmentNames(split), in: url)) != nil
        }
    }

    /// The documents; the text of one is its title, a space and its text.
    public func corpus() throws(KuklaError) -> TextReader { try TextReader(corpusFile) }

    /// The queries of all splits.
    public func queries() throws(KuklaError) -> TextReader { try TextReader(queriesFile) }

    /// The judgments of one split.
    public func judgments(_ split: String = "test") throws(KuklaError) -> RelevanceJudgments {
        try RelevanceJudgments(BEIRFolder.file(BEIRFolder.judgmentNames(split), in: url))
    }

    private static func judgmentNames(_ split: String) -> [String] {
        ["qrels/\(split).tsv", "qrels/\(split).tsv.gz"]
    }

    private static func file(_ names: [String], in folder: URL) throws(KuklaError) -> URL {
        for name in names {
            let url = folder.appending(path: name)
            if FileManager.default.fileExists(atPath: url.path) { return url }
        }
        throw KuklaError(
            .missingFile,
            "Cannot read \(folder.path) as a BEIR folder: there is no \(names[0]) (or .gz) in it.")
    }
}
