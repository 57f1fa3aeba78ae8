import KuklaCodecs
import KuklaFormats
import KuklaIndex
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// What must hold exactly, whatever was learned.
struct MatryoshkaIdentities {
    let bench: StudyBench
    private let size = 48

    init(bench: StudyBench) { self.bench = bench }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let texts = try bench.stsBenchmark("dev").prefix(bench.choose(quick: 12, full: 300)).map(\.first)
        let model = try bench.model()
        let whole = try model.embed(texts, threads: bench.threads).vectors
        let cut = try model.embed(texts, dimensions: size, threads: bench.threads).vectors
        findings.bars += [
            StudyBar(
                "1. gradient of a size's loss beyond its components, largest", gradientBeyond(whole), .atMost,
                0),
            StudyBar(
                "1. MRL-E logits at \(size) beside W[:, :m] z[:m] + b, largest difference", sharedHead(whole),
                .atMost, 0),
            StudyBar(
                "1. embed(\(size)) beside the prefix of embed(\(whole.columns)), normalised, largest difference",
                difference(cut, whole), .atMost, 1e-6),
            StudyBar(
                "1. answers of a funnel of one stage of all dimensions that differ from exact search",
                try funnel(whole), .atMost, 0),
        ]
    }

    private func gradientBeyond(_ vectors: Matrix) -> Double {
        let half = vectors.rows / 2
        let columns = [0..<half, half..<2 * half].map { Tensor(vectors.gathering(rows: $0)).watched() }
        let loss = MatryoshkaLoss(CoSENTLoss(scale: 20), dimensions: [size, 8])
        let gradients = loss(columns, scores: (0..<half).map(Float.init)).gradients()
        return columns.map { column in
            let gradient = gradients[column]?.dense.slice(axis: 1, size..<vectors.columns)
            return Double(gradient?.elements.map(abs).max() ?? .infinity)
        }.max() ?? .infinity
    }

    private func sharedHead(_ vectors: Matrix) -> Double {
        var random = RandomSource(seed: 1)
        let head = MatryoshkaHead(
            kind: .shared, dimensions: [size, vectors.columns], classes: 20, using: &random)
        let whole = head.classifiers[0]
        let own = Linear(
            weight: whole.weight.value.slice(axis: 1, 0..<size), bias: whole.bias?.value)
        let logits = head(Tensor(vectors))[0]
        let expected = own(Tensor(vectors).slice(axis: 1, 0..<size))
        return Self.largest(logits.elements, expected.elements)
    }

    private func difference(_ cut: Matrix, _ whole: Matrix) -> Double {
        (0..<whole.rows).map { row in
            let prefix = whole.row(row).prefix(size).map(Double.init)
            let norm = prefix.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return zip(cut.row(row), prefix).map { abs(Double($0) - $1 / norm) }.max() ?? 0
        }.max() ?? .infinity
    }

    private func funnel(_ vectors: Matrix) throws(KuklaError) -> Double {
        var flat = FlatIndex(codec: FloatCodec(metric: .cosine, dimensions: vectors.columns))
        try flat.insert(vectors, threads: bench.threads)
        let funnel = try FunnelIndex(
            flat, funnel: Funnel([.init(dimensions: vectors.columns, count: 10)]), threads: bench.threads)
        let found = try funnel.search(vectors, count: 10, threads: bench.threads)
        let exact = try flat.search(vectors, count: 10, threads: bench.threads)
        return Double(zip(found, exact).count { $0 != $1 })
    }

    private static func largest(_ a: [Float], _ b: [Float]) -> Double {
        Double(zip(a, b).map { abs($0 - $1) }.max() ?? .infinity)
    }
}
