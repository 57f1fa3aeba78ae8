import Foundation
public import KuklaNumerics

/// NV-Embed's recipe on a language model of a few minutes: the mask, the pooling, the two stages, and mined negatives.
public struct NVEmbedStudy: Study {
    public let name = "nv-embed"
    public let title = "A language model as an embedder: mask, pooling, stages"
    public let paper =
        "Lee, Roy, Xu, Raiman, Shoeybi, Catanzaro and Ping 2025, \"NV-Embed: Improved techniques for training LLMs as generalist embedding models\", arXiv:2405.17428."
    public let claim =
        "A causal language model embeds best without its mask and with latent attention before the mean; trained first on retrieval with negatives of the batch, then on all tasks with own negatives only, it is better at both; and negatives must score below 0.95 of their positive."
    public let data = [
        "scifact", "cranfield", "ag_news", "sci_text_classification", "stsbenchmark", "wikitext2_valid_test",
    ]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let sciFact = try bench.sciFact()
        try MinedAnswers(bench: bench, sciFact: sciFact).add(to: &findings)
        let decoder = try SmallDecoder(bench: bench).trained()
        defer {
            if bench.cacheFolder == nil { try? FileManager.default.removeItem(at: decoder.folder) }
        }
        findings.notes.append(decoder.note)
        try InstructIdentities(decoder: decoder.folder).add(to: &findings)
        let examples = try InstructExamples(bench: bench, sciFact: sciFact)
        try MaskPoolingStages(
            bench: bench, decoder: decoder.folder, examples: examples,
            tasks: InstructTasks(bench: bench, sciFact: sciFact)
        ).add(to: &findings)
        findings.notes.append(
            "NFCorpus and TREC-QC are not among the data sets: SciFact stands for the one, titles of papers of seven fields for the other. Nothing was chosen by test data: settings are the command's defaults but for the rate, \(MaskPoolingStages.rateWords)."
        )
        findings.notes.append(
            "In one stage every claim and title must find its abstract among all texts of its batch; in two, the second stage shows 144 claims their own two negatives alone, among rows of classes and sentences, and comes last. Each stage has 24 steps here, where the paper has 20,000 and 18,000: what the first one learned of retrieval is partly lost in the second."
        )
        return findings
    }
}
