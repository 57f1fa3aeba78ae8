import KuklaNumerics
import KuklaTables

/// What the methods hold while they are trained.
struct TrainedBytes {
    private let runs: CompressionRuns

    init(_ runs: CompressionRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let dense = Double(runs.schema.denseByteCount)
        var table = StudyTable(
            "Bytes of trained numbers at half the dense table's, as a share of the dense table",
            columns: ["table", "share"])
        var shares: [String: Double] = [:]
        for word in CompressionRuns.methods {
            guard let bytes = try runs.trainedBytes(word, share: 0.5) else { continue }
            shares[word] = Double(bytes) / dense
            table.rows.append([.text(word), .number(Double(bytes) / dense, decimals: 2)])
        }
        findings.tables.append(table)
        let small = ["qr", "tt", "dhe", "robe", "mde"].compactMap { shares[$0] }
        let large = ["dedup", "mgqe", "autodim", "optembed", "deeplight", "autosrh"].compactMap { shares[$0] }
        findings.bars.append(
            StudyBar(
                "largest share of the dense table that QR, TT, DHE, ROBE or MDE train", small.max() ?? .nan,
                .atMost, 1))
        findings.bars.append(
            StudyBar(
                "smallest share that deduplication, MGQE, AutoDim, OptEmbed, DeepLight or AutoSrh train",
                large.min() ?? .nan,
                .atLeast, 1))
    }
}
