import Foundation
import KuklaNumerics

/// The tensors of a `model.safetensors`, read in place.
///
/// Layout of the format: 8 bytes little-endian header length, a JSON object `name -> {dtype, shape,
/// data_offsets}`, then the data; offsets count from the end of the header.
struct WeightFile {
    private struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    private enum Item: Decodable {
        case tensor(Entry)
        case metadata
        init(from decoder: any Decoder) throws {
            if decoder.codingPath.last?.stringValue == "__metadata__" {
                self = .metadata
            } else {
                self = .tensor(try Entry(from: decoder))
            }
        }
    }

    let url: URL
    private let map: MappedFile
    private let dataStart: Int
    private let entries: [String: Entry]
    private let prefix: String

    init(_ url: URL) throws(KuklaError) {
        self.url = url
        map = try MappedFile(url)
        let bytes = map.bytes
        func bad(_ problem: String) -> KuklaError {
            KuklaError(
                .badData, "Cannot read weights from \(url.path): \(problem). Fetch the model folder again.")
        }
        guard bytes.count >= 8 else { throw bad("expected a safetensors header, found \(bytes.count) bytes") }
        let declared = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard declared <= UInt64(bytes.count - 8) else {
            throw bad("its header declares \(declared) bytes, the file has \(bytes.count - 8) after it")
        }
        dataStart = 8 + Int(declared)
        do {
            let header = Data(bytes[8..<dataStart])
            entries = try JSONDecoder().decode([String: Item].self, from: header).compactMapValues {
                if case .tensor(let entry) = $0 { entry } else { nil }
            }
        } catch { throw bad("its header (bytes 8 to \(dataStart)) is not valid") }
        prefix = entries.keys.contains { $0.hasPrefix("bert.") } ? "bert." : ""
    }

    /// The tensor's values as float32, row-major, converted from F32, F16 or BF16.
    func floats(_ name: String, shape: [Int]) throws(KuklaError) -> [Float] {
        let (dtype, bytes) = try find(name, shape)
        let count = shape.reduce(1, *)
        return [Float](unsafeUninitializedCapacity: count) { out, initialized in
            switch dtype {
            case "F32":
                for i in 0..<count {
                    out[i] = Float(
                        bitPattern: UInt32(
                            littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)))
                }
            case "F16":
                for i in 0..<count {
                    out[i] = Float(
                        Float16(
                            bitPattern: UInt16(
                                littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))))
                }
            default:
                for i in 0..<count {
                    out[i] = Float(
                        bitPattern: UInt32(
                            UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)))
                            << 16)
                }
            }
            initialized = count
        }
    }

    /// The tensor as a matrix: in place where it is float32 and aligned, converted otherwise.
    func matrix(_ name: String, rows: Int, columns: Int) throws(KuklaError) -> Matrix {
        let (dtype, bytes) = try find(name, [rows, columns])
        if dtype == "F32", Int(bitPattern: bytes.baseAddress) % 4 == 0 {
            return Matrix(
                rows: rows, columns: columns, borrowing: bytes.bindMemory(to: Float.self), from: map)
        }
        return Matrix(rows: rows, columns: columns, elements: try floats(name, shape: [rows, columns]))
    }

    /// Gives the pages read so far back to the operating system; they are read again when touched.
    func releasePages() {
        guard let base = map.bytes.baseAddress else { return }
        madvise(UnsafeMutableRawPointer(mutating: base), map.bytes.count, MADV_DONTNEED)
    }

    private func find(_ name: String, _ shape: [Int]) throws(KuklaError) -> (String, UnsafeRawBufferPointer) {
        let full = prefix + name
        guard let entry = entries[full] ?? entries[name] else {
            throw KuklaError(
                .badData,
                "Cannot load \(url.path): tensor \(full) of shape \(shape) is missing among its \(entries.count) tensors."
            )
        }
        guard entry.shape == shape else {
            throw KuklaError(
                .badData,
                "Cannot load \(url.path): tensor \(full) has shape \(entry.shape), expected \(shape). Does config.json belong to these weights?"
            )
        }
        let width: Int
        switch entry.dtype {
        case "F32": width = 4
        case "F16", "BF16": width = 2
        default:
            throw KuklaError(
                .unsupported,
                "Cannot load \(url.path): tensor \(full) is of type \(entry.dtype); supported: F32, F16, BF16."
            )
        }
        var size = width
        for length in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: length)
            size = overflow ? Int.max : product
        }
        let available = map.bytes.count - dataStart
        guard entry.data_offsets.count == 2, entry.data_offsets[0] >= 0, entry.data_offsets[1] <= available,
            entry.data_offsets[0] <= entry.data_offsets[1],
            entry.data_offsets[1] - entry.data_offsets[0] == size
        else {
            throw KuklaError(
                .badData,
                "Cannot load \(url.path): tensor \(full) needs \(size) bytes within \(available), its header says \(entry.data_offsets). The file may be cut: fetch it again."
            )
        }
        let start = dataStart + entry.data_offsets[0]
        return (entry.dtype, UnsafeRawBufferPointer(rebasing: map.bytes[start..<start + size]))
    }
}
