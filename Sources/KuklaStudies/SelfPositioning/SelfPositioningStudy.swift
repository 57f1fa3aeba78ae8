import Foundation
import KuklaEvaluation
public import KuklaNumerics
import KuklaText

/// One model tuned on all tasks at once against models tuned apart and merged, where one task has eight times the examples.
public struct SelfPositioningStudy: Study {
    public let name = "merge"
    public let title = "Merging models in place of training them together"
    public let paper =
        "Li, Nie, Zhang, Long, Zhang and Xie 2024, \"Improving general text embedding model: tackling task conflict and data imbalance through model merging\", arXiv:2410.15035."
    public let claim =
        "Models tuned apart on each task and merged at a place that SGD finds on few balanced examples (weights of iterated SLERP, one length) are better over all tasks than one model tuned on the unbalanced mix, by 0.7 points, and than other merges."
    public let data = ["stsbenchmark", "scifact", "ag_news"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let tasks = try MergeTask.all(of: bench)
        let training = try TaskTraining(bench)
        defer { training.removeTemporary() }
        try JointAgainstMerge(bench: bench, tasks: tasks, training: training).add(to: &findings)
        try PositionGrid(bench: bench, tasks: tasks, training: training).add(to: &findings)
        try ChangeDiagnostics(bench: bench, tasks: tasks, training: training).add(to: &findings)
        try MergeIdentities(bench: bench, tasks: tasks, training: training).add(to: &findings)
        let counts = tasks.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
        findings.notes.append(
            "The base is MiniLM-L6's first \(TaskTraining.layers(bench)) layers, so that there is something to gain. Training rows: \(counts); one pass in batches of \(TaskTraining.batchSize(bench)), rate \(TaskTraining.learningRate) falling to 0 after a rise, \(MergeTask.tokens(bench)) tokens of a text, for the parents and for the joint model alike. STS-B and AG News (pairs of articles of the same class or of two) are trained by CoSENT, SciFact (claims and what they cite) by InfoNCE; a batch is of one task. Nothing was chosen on test data: the rate and the search's settings are fixed numbers. Pairs of STS-B that its test split has too are left out of training and probe. Fisher and RegMean look at the same training pairs as self positioning. Where joint training is ahead: one pass over the mix costs the small tasks little here, so that there is hardly a conflict that merging could avoid, and a merge cannot have more of a task than its parent; examples that no parent was trained on, and models tuned one after the other, were tried beside the paper's first way."
        )
        findings.notes.append(
            "STS-B: Spearman on the test pairs; SciFact: nDCG@10 of the test claims among the abstracts that they cite and \(MergeTask.distractors(bench)) others; AG News: accuracy of 10 nearest neighbours among \(MergeTask.references(bench)) training articles that no model was trained on. All times 100."
        )
        return findings
    }
}
