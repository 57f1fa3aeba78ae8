public import KuklaNumerics

/// A paper's claim about size, put to the test on real data.
///
/// A study measures a claim and its baselines in one run and returns what it found; it never decides what counts as
/// success: the bars are stated beside the figures (`StudyBar`) and judged by arithmetic.
public protocol Study: Sendable {
    /// The word by which the command line knows it, such as `hnsw-recall`.
    var name: String { get }
    var title: String { get }
    /// Authors, year, title, number.
    var paper: String { get }
    /// What the paper says, in a sentence or two.
    var claim: String { get }
    /// Folders of the data set collection that it reads.
    var data: [String] { get }

    /// Measures.
    ///
    /// - Throws: `KuklaError`: what is missing or cannot be read, or `cancelled`.
    func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings
}

/// What a study measured.
public struct StudyFindings: Sendable {
    public var bars: [StudyBar] = []
    public var tables: [StudyTable] = []
    public var charts: [StudyChart] = []
    /// Sentences: how it was measured, what departs from the paper, why a bar is missed.
    public var notes: [String] = []

    public init() {}
}

extension Study {
    /// Runs the study and says when, where and on what.
    public func report(on bench: StudyBench) throws(KuklaError) -> StudyReport {
        try bench.check(needs: data)
        let start = ContinuousClock.now
        let findings = try run(on: bench)
        return StudyReport(
            study: self, findings: findings, bench: bench,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
