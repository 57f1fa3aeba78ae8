import CKernels

/// The loop that turns the UTF-8 bytes of a text into token ids: clean, normalise, cut into words and pieces, in
/// one pass without a string for any of them.
///
/// It owns the scratch space of one thread; the model is shared.
struct WordPieceScanner: ~Copyable {
    private let model: WordPieceModel
    private let word: UnsafeMutablePointer<UInt8>
    private let hashes: UnsafeMutablePointer<UInt64>
    private let capacity: Int
    private var length = 0
    /// The word did not fit the scratch space, so it has more characters than a word may have.
    private var isOverlong = false

    init(_ model: WordPieceModel) {
        self.model = model
        // Four bytes for each character allowed, and room for the longest replacement beyond.
        capacity = 4 * model.vocabulary.maximumWordCharacters + 256
        word = .allocate(capacity: capacity)
        hashes = .allocate(capacity: capacity)
    }

    deinit {
        word.deallocate()
        hashes.deallocate()
    }

    /// Appends the ids of `text`, at most `limit` of them. Returns whether there were more.
    ///
    /// Bytes that are no UTF-8 count as U+FFFD each.
    mutating func scan(_ text: UnsafeBufferPointer<UInt8>, limit: Int, into ids: inout [Int32]) -> Bool {
        let (start, stop) =
            limit > Int.max - ids.count ? (ids.count, Int.max) : (ids.count, ids.count + limit)
        guard let base = text.baseAddress else { return false }
        let end = text.count
        let folded = model.folded
        var position = 0
        (length, isOverlong) = (0, false)
        while position < end, ids.count <= stop {
            let room = min(end, position + capacity - length)
            while position < room {
                let byte = folded[Int(base[position])]
                if byte == 0 { break }
                word[length] = byte
                length += 1
                position += 1
            }
            if position == end { break }
            if position == room {
                discardOverlong()
                continue
            }
            let byte = base[position]
            if byte == 0x20, model.spaceEndsWord {
                flush(&ids)
                position += 1
            } else if model.isolatedIDs[Int(byte)] >= 0 {
                flush(&ids)
                ids.append(model.isolatedIDs[Int(byte)])
                position += 1
            } else {
                position = closerLook(text, position, &ids)
            }
        }
        flush(&ids)
        guard ids.count > stop else { return false }
        ids.removeSubrange(max(start, stop)...)
        return true
    }

    /// Handles the character at `position` and returns the position after it.
    private mutating func closerLook(
        _ text: UnsafeBufferPointer<UInt8>, _ position: Int, _ ids: inout [Int32]
    ) -> Int {
        if model.mayBeginAddedToken[Int(text[position])],
            let (id, count) = model.addedToken(at: position, text)
        {
            flush(&ids)
            ids.append(id)
            return position + count
        }
        let (codePoint, byteCount) = UTF8Decoding.codePoint(text, position)
        let source = UnsafeBufferPointer(rebasing: text[position..<position + byteCount])
        let next = position + byteCount
        let (action, offset, count) = model.characters.action(of: codePoint)
        let replacement = UnsafeBufferPointer(start: model.characters.pool + offset, count: count)
        switch action {
        case .word where codePoint == 0xFFFD: append(codePoint)  // the source may be no UTF-8
        case .word: append(source)
        case .mappedWord: append(replacement)
        case .dropped: break
        case .space: flush(&ids)
        case .isolated: appendIsolated(source, &ids)
        case .mappedIsolated: appendIsolated(replacement, &ids)
        case .hangul: appendHangul(codePoint)
        case .sequence: return appendSequence(codePoint, text, next, &ids)
        }
        return next
    }

    // MARK: - Words

    @inline(__always)
    private mutating func flush(_ ids: inout [Int32]) {
        if length == 0, !isOverlong { return }
        if isOverlong {
            ids.append(model.vocabulary.unknownID)
        } else {
            model.vocabulary.appendPieces(of: word, count: length, hashes: hashes, to: &ids)
        }
        (length, isOverlong) = (0, false)
    }

    @inline(__always)
    private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if bytes.count > capacity - length { discardOverlong() }
        for byte in bytes {
            word[length] = byte
            length += 1
        }
    }

    private mutating func appendIsolated(_ bytes: UnsafeBufferPointer<UInt8>, _ ids: inout [Int32]) {
        flush(&ids)
        append(bytes)
        flush(&ids)
    }

    private mutating func append(_ codePoint: UInt32) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { bytes in
            let count = UTF8Decoding.encode(codePoint, into: bytes)
            append(UnsafeBufferPointer(rebasing: bytes[..<count]))
        }
    }

    /// Forgets the bytes of a word that is already too long to be looked up.
    private mutating func discardOverlong() {
        isOverlong = true
        length = 0
    }

    // MARK: - Decomposition

    /// Unicode, section 3.12: the letters of a Hangul syllable.
    private mutating func appendHangul(_ codePoint: UInt32) {
        let index = codePoint - 0xAC00
        append(0x1100 + index / 588)
        append(0x1161 + index % 588 / 28)
        if index % 28 != 0 { append(0x11A7 + index % 28) }
    }

    /// Decomposes `codePoint` and, where it ends in characters that canonical ordering moves, the characters of
    /// that kind after it as well. Returns the position after all of them.
    private mutating func appendSequence(
        _ codePoint: UInt32, _ text: UnsafeBufferPointer<UInt8>, _ after: Int, _ ids: inout [Int32]
    ) -> Int {
        guard model.characters.normalization.stripsAccents else {
            appendLowercase(codePoint, &ids)
            return after
        }
        var moving: [(combiningClass: UInt8, codePoint: UInt32)] = []
        func isNonstarter(_ codePoint: UInt32) -> Bool {
            Int(BertCharacterTable.record(codePoint).flags) & kk_bert_nonstarter != 0
        }
        func isMark(_ codePoint: UInt32) -> Bool {
            Int(BertCharacterTable.record(codePoint).flags) & kk_bert_mark != 0
        }
        func collect(_ codePoint: UInt32) {
            if !isMark(codePoint) {
                moving.append((BertCharacterTable.combiningClass(codePoint), codePoint))
            }
        }
        for part in BertCharacterTable.decomposition(codePoint) {
            if isNonstarter(part) {
                collect(part)
            } else {
                appendMoved(&moving, &ids)
                if !isMark(part) { appendLowercase(part, &ids) }
            }
        }
        var position = after
        while !moving.isEmpty, position < text.count {
            if model.mayBeginAddedToken[Int(text[position])], model.addedToken(at: position, text) != nil {
                break
            }
            let (next, count) = UTF8Decoding.codePoint(text, position)
            let flags = Int(BertCharacterTable.record(next).flags)
            if !(model.characters.normalization.cleansText && flags & kk_bert_control != 0) {
                let parts = BertCharacterTable.decomposition(next)
                guard isNonstarter(parts[0]) else { break }
                parts.forEach(collect)
            }
            position += count
        }
        appendMoved(&moving, &ids)
        return position
    }

    /// Appends the collected characters by rising combining class, equal ones in their order in the text.
    private mutating func appendMoved(
        _ moving: inout [(combiningClass: UInt8, codePoint: UInt32)], _ ids: inout [Int32]
    ) {
        let ordered = moving.enumerated().sorted {
            ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
        }
        for (_, character) in ordered { appendLowercase(character.codePoint, &ids) }
        moving = []
    }

    /// Appends a decomposed character by its own kind.
    private mutating func appendLowercase(_ codePoint: UInt32, _ ids: inout [Int32]) {
        let lowercases = model.characters.normalization.lowercases
        for part in lowercases ? BertCharacterTable.lowercase(codePoint) : [codePoint] {
            let flags = Int(BertCharacterTable.record(part).flags)
            if flags & kk_bert_separator != 0 {
                flush(&ids)
            } else if flags & kk_bert_punctuation != 0 {
                flush(&ids)
                append(part)
                flush(&ids)
            } else {
                append(part)
            }
        }
    }
}
