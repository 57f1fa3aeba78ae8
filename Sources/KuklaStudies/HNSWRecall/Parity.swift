import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// Whether our graph is the graph that everybody else has: recall beside hnswlib's at the same settings.
struct Parity {
    let bench: StudyBench
    let corpora: [HeldOutVectors]

    static let efforts = [10, 40, 100]

    /// Recall@10 of hnswlib 0.8 on the same vectors in the same order, mean of the level seeds 1, 2 and 3, for each of
    /// `efforts`: what `Scripts/studies/hnsw_recall_peer.py` prints. The machine of a study need not have Python.
    static let peer = [
        "SciFact": [0.9266, 0.9954, 0.9998],
        "Cranfield": [0.9533, 0.9979, 1.0000],
        "AG News": [0.9004, 0.9857, 0.9980],
        "MNIST": [0.9528, 0.9963, 0.9995],
        "SIFT": [0.8625, 0.9799, 0.9963],
    ]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var table = StudyTable(
            "Recall@10 beside hnswlib",
            columns: ["corpus"] + Self.efforts.flatMap { ["ef \($0)", "hnswlib, ef \($0)"] } + ["ef = n"])
        var worst = 0.0
        var lowestAtAll = 1.0
        for corpus in corpora {
            var recalls = [Double](repeating: 0, count: Self.efforts.count)
            for seed in bench.seeds {
                let index = try corpus.graph(seed: seed, threads: bench.threads)
                for (place, effort) in Self.efforts.enumerated() {
                    recalls[place] += try corpus.recall(of: index, effort: effort) / Double(bench.seeds.count)
                }
                if seed == bench.seeds[0] {
                    lowestAtAll = min(lowestAtAll, try corpus.recall(of: index, effort: corpus.base.rows))
                }
            }
            let peers = bench.scale == .full ? Self.peer[corpus.name] : nil
            var row: [StudyTable.Cell] = [.text(corpus.name)]
            for place in Self.efforts.indices {
                row.append(.number(recalls[place], decimals: 4))
                row.append(.number(peers?[place] ?? .nan, decimals: 4))
                if let peers { worst = max(worst, abs(recalls[place] - peers[place])) }
            }
            table.rows.append(row + [.number(lowestAtAll, decimals: 4)])
        }
        findings.tables.append(table)
        if bench.scale == .full {
            findings.bars.append(
                StudyBar(
                    "1. largest distance of recall@10 from hnswlib's, points", 100 * worst, .atMost, 1.5))
        }
        findings.bars.append(StudyBar("1. recall@10 at ef = n", lowestAtAll, .atLeast, 1))
    }
}
