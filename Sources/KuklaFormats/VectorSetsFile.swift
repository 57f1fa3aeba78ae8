public import Foundation
public import KuklaNumerics

/// Sets of vectors in files.
///
/// Two forms:
/// - one safetensors file with `vectors` `[rows, dimensions]` (any float type) and `offsets` `[count + 1]` (whole
///   numbers): where each set begins, and the end;
/// - a file of vectors (npy, fvecs ...) and beside it one of whole numbers (npy, ivecs ...), in one row or one column:
///   the lengths of the sets, or their offsets. Beside `a.npy` that is `a.lengths.npy`, where no other is named.
public enum VectorSetsFile {
    static let vectorsName = "vectors"
    static let offsetsName = "offsets"

    /// Reads the sets in `url`; float32 vectors of safetensors and npy are mapped, not copied.
    ///
    /// Numbers that begin with 0, never fall and end with the number of vectors are taken for offsets, others for
    /// lengths.
    /// - Parameter boundaries: the file of lengths or offsets; not for safetensors.
    /// - Throws: `KuklaError` where a file is missing, is not of its format, where the boundaries do not fit the
    ///   vectors, or a component is not finite.
    public static func read(_ url: URL, boundaries: URL? = nil) throws(KuklaError) -> VectorSets {
        if url.pathExtension.lowercased() == "safetensors" {
            guard boundaries == nil else {
                throw KuklaError(
                    .usage,
                    "Cannot read \(url.path) with boundaries from another file: a safetensors file has them in its tensor \"\(offsetsName)\"."
                )
            }
            return try readSafetensors(url)
        }
        let vectors = try VectorFile.readAll(url)
        let boundaries = boundaries ?? lengthsURL(of: url)
        let numbers = try IntegerMatrix(boundaries)
        guard numbers.rows == 1 || numbers.columns == 1 else {
            throw KuklaError(
                .badData,
                "Cannot read the lengths of sets from \(boundaries.path): its shape is [\(numbers.rows), \(numbers.columns)]; expected one row or one column."
            )
        }
        let offsets = numbers.elements.map { Int($0) }
        if VectorSets.fault(in: offsets, rows: vectors.rows) == nil {
            return VectorSets(vectors: vectors, offsets: offsets)
        }
        if let set = offsets.firstIndex(where: { $0 < 0 }) {
            throw KuklaError(
                .badData,
                "Cannot read the lengths of sets from \(boundaries.path): set \(set) has \(offsets[set])."
            )
        }
        let sums = offsets.reduce(into: [0]) { $0.append($0.last! + $1) }
        guard sums.last == vectors.rows else {
            throw KuklaError(
                .badData,
                "Cannot cut the \(vectors.rows) vectors of \(url.path) into sets by \(boundaries.path): its \(offsets.count) numbers are neither offsets that end with \(vectors.rows) nor lengths of that sum (it is \(sums.last!)). Do the files belong together?"
            )
        }
        return VectorSets(vectors: vectors, offsets: sums)
    }

    /// Writes `sets` as float32 to `url`, whose extension is `safetensors`, or `npy` with `name.lengths.npy` beside it.
    ///
    /// - Throws: `KuklaError`: `usage` for another extension, `inputOutput`.
    public static func write(_ sets: VectorSets, to url: URL) throws(KuklaError) {
        switch url.pathExtension.lowercased() {
        case "safetensors":
            var writer = SafetensorsWriter()
            writer.add(sets.vectors, named: vectorsName)
            let offsets = sets.offsets.map { Int64($0).littleEndian }
            writer.add(
                bytes: offsets.withUnsafeBytes { Data($0) }, named: offsetsName, elementType: .int64,
                shape: [offsets.count])
            try writer.write(to: url)
        case "npy":
            let lengths = (0..<sets.count).map { Float(sets.rows(of: $0).count) }
            let boundaries = try NPYWriter(lengthsURL(of: url), dimensions: 1, elementType: .int32)
            try boundaries.append(Matrix(rows: lengths.count, columns: 1, elements: lengths))
            let vectors = try NPYWriter(url, dimensions: sets.dimensions)
            try vectors.append(sets.vectors)
            try boundaries.commit()
            try vectors.commit()
        default:
            throw KuklaError(
                .usage, "Cannot write sets of vectors to \(url.path): name a file with .safetensors or .npy.")
        }
    }

    /// `a.lengths.npy` for `a.npy`.
    public static func lengthsURL(of vectors: URL) -> URL {
        vectors.deletingPathExtension().appendingPathExtension("lengths.npy")
    }

    private static func readSafetensors(_ url: URL) throws(KuklaError) -> VectorSets {
        func bad(_ what: String) -> KuklaError {
            KuklaError(.badData, "Cannot read sets of vectors from \(url.path): \(what).")
        }
        let file = try SafetensorsFile(url)
        let stored = try file.tensor(named: vectorsName)
        guard stored.elementType.isFloatingPoint, stored.shape.count == 2, stored.shape[1] > 0 else {
            throw bad(
                "\"\(vectorsName)\" is \(stored.elementType.rawValue) of shape \(stored.shape); expected floats [rows, dimensions]"
            )
        }
        let boundaries = try file.tensor(named: offsetsName)
        guard !boundaries.elementType.isFloatingPoint, boundaries.shape.count == 1 else {
            throw bad(
                "\"\(offsetsName)\" is \(boundaries.elementType.rawValue) of shape \(boundaries.shape); expected whole numbers [sets + 1]"
            )
        }
        let numbers = [Int64](unsafeUninitializedCapacity: boundaries.count) { out, count in
            count = boundaries.count
            let out = UnsafeMutableBufferPointer(rebasing: out[..<count])
            file.withUnsafeBytes(of: boundaries) {
                boundaries.elementType.convert($0, isBigEndian: false, to: out)
            }
        }
        let offsets = numbers.map { Int($0) }
        if let fault = VectorSets.fault(in: offsets, rows: stored.shape[0]) { throw bad(fault) }
        let vectors = try file.matrix(named: vectorsName)
        try vectors.checkFinite(name: url.path)
        return VectorSets(vectors: vectors, offsets: offsets)
    }
}
