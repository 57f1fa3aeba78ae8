import Foundation
import KuklaFormats
import KuklaNumerics

/// A model's `model.safetensors`: tensors by the names that BERT gives them, each held against its expected shape.
struct WeightFile {
    private let file: SafetensorsFile
    private let prefix: String

    init(_ url: URL) throws(KuklaError) {
        file = try SafetensorsFile(url)
        prefix = file.tensors.contains { $0.name.hasPrefix("bert.") } ? "bert." : ""
    }

    /// The tensor's values as float32, row-major.
    ///
    /// - Throws: `KuklaError(.badData)` also for a value that is not finite: 8-bit packing would turn it into a
    ///   plausible one.
    func floats(_ name: String, shape: [Int]) throws(KuklaError) -> [Float] {
        let name = try find(name, shape)
        let values = try file.floats(named: name)
        guard let fault = values.firstIndex(where: { !$0.isFinite }) else { return values }
        throw KuklaError(
            .badData,
            "Cannot load \(file.url.path): value \(fault) of tensor \(name) is \(values[fault]), expected a finite number. Fetch the model folder again."
        )
    }

    /// The tensor as a matrix: in place where it is float32 and aligned, converted otherwise.
    func matrix(_ name: String, rows: Int, columns: Int) throws(KuklaError) -> Matrix {
        try file.matrix(named: try find(name, [rows, columns]))
    }

    /// Gives the pages read so far back to the operating system; they are read again when touched.
    func releasePages() {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        for tensor in file.tensors {
            file.withUnsafeBytes(of: tensor) { bytes in
                guard let base = bytes.baseAddress else { return }
                let start = (Int(bitPattern: base) + page - 1) / page * page
                let end = (Int(bitPattern: base) + bytes.count) / page * page
                if end > start {
                    madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED)
                }
            }
        }
    }

    private func find(_ name: String, _ shape: [Int]) throws(KuklaError) -> String {
        let full = file[prefix + name] == nil && file[name] != nil ? name : prefix + name
        guard let tensor = file[full] else {
            throw KuklaError(
                .badData,
                "Cannot load \(file.url.path): tensor \(full) of shape \(shape) is missing among its \(file.tensors.count) tensors."
            )
        }
        guard tensor.shape == shape else {
            throw KuklaError(
                .badData,
                "Cannot load \(file.url.path): tensor \(full) has shape \(tensor.shape), expected \(shape). Does config.json belong to these weights?"
            )
        }
        return full
    }
}
