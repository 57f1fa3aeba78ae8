import CKernels
import KuklaNumerics

/// What to do with a character, for one `BertNormalization`.
enum CharacterAction: UInt8 {
    /// Part of a word, as it is (lowercased where it is ASCII).
    case word
    /// Ends the word before it.
    case space
    /// A word of its own, as it is.
    case isolated
    /// Not there.
    case dropped
    /// Part of a word, replaced by bytes of the pool.
    case mappedWord
    /// A word of its own, replaced by bytes of the pool.
    case mappedIsolated
    /// A Hangul syllable to be decomposed into its letters.
    case hangul
    /// Decomposes into characters that need separate treatment, or that canonical ordering may move.
    case sequence
}

/// The actions for every code point under one normalisation, compiled from the generated Unicode tables.
///
/// About 30 KiB beside the shared tables. Immutable once built.
struct BertCharacterTable: ~Copyable, @unchecked Sendable {  // the pointers are written in `init` only
    let normalization: BertNormalization
    /// For each record: action in bits 0..<8, number of pool bytes in 8..<16, offset in the pool in 16..<32.
    private let entries: UnsafeMutablePointer<UInt32>
    private let blocks = kk_bert_unicode_tables.blocks_of
    private let records = kk_bert_unicode_tables.records_of
    let pool: UnsafeMutablePointer<UInt8>

    init(_ normalization: BertNormalization) {
        self.normalization = normalization
        let unicode = kk_bert_unicode_tables
        var packed: [UInt32] = []
        var bytes: [UInt8] = []
        packed.reserveCapacity(Int(unicode.record_count))
        for number in 0..<Int(unicode.record_count) {
            let (action, replacement) = Self.compile(unicode.records[number], normalization)
            contract(
                bytes.count < 1 << 16 && replacement.count < 1 << 8, "the pool of replacements is too large")
            packed.append(
                UInt32(action.rawValue) | UInt32(replacement.count) << 8 | UInt32(bytes.count) << 16)
            bytes.append(contentsOf: replacement)
        }
        entries = .allocate(capacity: packed.count)
        entries.initialize(from: packed, count: packed.count)
        pool = .allocate(capacity: max(1, bytes.count))
        pool.initialize(from: bytes, count: bytes.count)
    }

    deinit {
        entries.deallocate()
        pool.deallocate()
    }

    /// The action for a code point below 0x110000, with the range of its replacement in `pool`.
    @inline(__always)
    func action(of codePoint: UInt32) -> (CharacterAction, offset: Int, count: Int) {
        let block = Int(blocks[Int(codePoint >> 6)])
        let entry = entries[Int(records[block << 6 | Int(codePoint & 63)])]
        let action = CharacterAction(rawValue: UInt8(truncatingIfNeeded: entry)).unsafelyUnwrapped
        return (action, Int(entry >> 16), Int(entry >> 8 & 0xFF))
    }

    /// The properties of a code point below 0x110000.
    static func record(_ codePoint: UInt32) -> kk_bert_record {
        let block = Int(kk_bert_unicode_tables.blocks_of[Int(codePoint >> 6)])
        let number = Int(kk_bert_unicode_tables.records_of[block << 6 | Int(codePoint & 63)])
        return kk_bert_unicode_tables.records[number]
    }

    /// The canonical decomposition of a code point with its marks; itself where it has none.
    static func decomposition(_ codePoint: UInt32) -> [UInt32] {
        let record = record(codePoint)
        guard record.decomposed_length > 0 else { return [codePoint] }
        return (0..<Int(record.decomposed_length)).map {
            kk_bert_unicode_tables.sequences[Int(record.decomposed) + $0]
        }
    }

    /// The lowercase form of a code point; itself where it has none.
    static func lowercase(_ codePoint: UInt32) -> [UInt32] {
        let record = record(codePoint)
        guard record.lowered_length > 0 else { return [codePoint] }
        return (0..<Int(record.lowered_length)).map {
            kk_bert_unicode_tables.sequences[Int(record.lowered) + $0]
        }
    }

    /// The combining class of a code point that accent stripping keeps and canonical ordering moves.
    static func combiningClass(_ codePoint: UInt32) -> UInt8 {
        let all = UnsafeBufferPointer(
            start: kk_bert_unicode_tables.reordered, count: Int(kk_bert_unicode_tables.reordered_count))
        return all.first { $0.code_point == codePoint }?.combining_class ?? 0
    }

    private static func compile(
        _ record: kk_bert_record, _ normalization: BertNormalization
    ) -> (CharacterAction, replacement: [UInt8]) {
        func has(_ flag: Int) -> Bool { Int(record.flags) & flag != 0 }
        if normalization.cleansText, has(kk_bert_control) { return (.dropped, []) }
        if normalization.cleansText, has(kk_bert_space) { return (.space, []) }
        let isIdeograph = normalization.isolatesIdeographs && has(kk_bert_ideograph)

        // Records with neither mapping stand for many code points, which stay as they are.
        var mapped: [UInt32]?
        if normalization.stripsAccents {
            if has(kk_bert_hangul) { return (.hangul, []) }
            if record.decomposed_length == 0 {
                if has(kk_bert_mark) { return (.dropped, []) }
                if has(kk_bert_nonstarter) { return (.sequence, []) }
            } else {
                let kept = (0..<Int(record.decomposed_length)).map {
                    kk_bert_unicode_tables.sequences[Int(record.decomposed) + $0]
                }.filter { Int(Self.record($0).flags) & kk_bert_mark == 0 }
                if kept.isEmpty { return (.dropped, []) }
                if kept.contains(where: { Int(Self.record($0).flags) & kk_bert_nonstarter != 0 }) {
                    return (.sequence, [])
                }
                mapped = kept
            }
        }
        if normalization.lowercases {
            if let decomposed = mapped {
                mapped = decomposed.flatMap { lowercase($0) }
            } else if record.lowered_length > 0 {
                mapped = (0..<Int(record.lowered_length)).map {
                    kk_bert_unicode_tables.sequences[Int(record.lowered) + $0]
                }
            }
        }
        guard let mapped else {
            if isIdeograph || has(kk_bert_punctuation) { return (.isolated, []) }
            return (has(kk_bert_separator) ? .space : .word, [])
        }
        let bytes = mapped.flatMap { Array(String(Character(Unicode.Scalar($0) ?? "\u{FFFD}")).utf8) }
        let special = kk_bert_punctuation | kk_bert_separator
        guard mapped.contains(where: { Int(Self.record($0).flags) & special != 0 }) else {
            return (isIdeograph ? .mappedIsolated : .mappedWord, bytes)
        }
        guard mapped.count == 1 else { return (.sequence, []) }
        let isPunctuation = Int(Self.record(mapped[0]).flags) & kk_bert_punctuation != 0
        return (isPunctuation ? .mappedIsolated : .space, isPunctuation ? bytes : [])
    }
}
