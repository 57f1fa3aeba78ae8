import Foundation
import KuklaNumerics

extension StudyBench {
    /// Rows that a training gave, with figures about it: kept between full runs, so that a study that was stopped goes on.
    ///
    /// - Parameters:
    ///   - parts: everything that the rows depend on, the model and the program left out: another build trains anew.
    ///   - make: rows, and at most as many figures as they have columns.
    func trained(
        _ parts: [String], _ make: () throws(KuklaError) -> (rows: Matrix, figures: [Double])
    ) throws(KuklaError) -> (rows: Matrix, figures: [Double]) {
        var hash = TextHash()
        hash.add(modelFolder.standardizedFileURL.path)
        hash.add(Self.build)
        parts.forEach { hash.add($0) }
        let key = "trained-\(String(hash.value, radix: 16))"
        if let kept = try keptVectors(key), kept.rows > 0 {
            // The last row holds the figures.
            return (kept[rows: 0..<kept.rows - 1], kept.row(kept.rows - 1).map { Double($0) })
        }
        let (rows, figures) = try make()
        let (n, width) = (rows.rows, rows.columns)
        contract(figures.count <= width, "StudyBench: \(figures.count) figures in a row of \(width)")
        let both = Matrix(rows: n + 1, columns: width) { out in
            out.update(repeating: 0)
            rows.withUnsafeBufferPointer { _ = out.update(fromContentsOf: $0) }
            for (i, figure) in figures.enumerated() { out[n * width + i] = Float(figure) }
        }
        try keep(both, key)
        return (rows, figures)
    }

    /// Figures of a training alone, kept in the same way, in single precision.
    func trained(
        _ parts: [String], figures: () throws(KuklaError) -> [Double]
    ) throws(KuklaError) -> [Double] {
        try trained(parts) { () throws(KuklaError) in
            let figures = try figures()
            return (Matrix(rows: 0, columns: figures.count), figures)
        }.figures
    }

    /// Tells this program from others that were built of other code.
    private static let build: String = {
        guard let path = Bundle.main.executablePath,
            let facts = try? FileManager.default.attributesOfItem(atPath: path)
        else { return "" }
        return "\(facts[.size] ?? 0) \(facts[.modificationDate] ?? 0)"
    }()
}
