package import KuklaNumerics

extension LineReader {
    /// What `parse` makes of the next line that is not empty, a JSON value each; nil at the end.
    ///
    /// - Throws: `KuklaError.badData` naming line and byte where the value is wrong or not the whole line.
    package func nextJSON<Value>(
        _ parse: (inout JSONScanner) throws(JSONFault) -> Value
    ) throws(KuklaError) -> Value? {
        while let line = try next() {
            var scanner = JSONScanner(line)
            guard scanner.peek() != nil else { continue }
            do throws(JSONFault) {
                let value = try parse(&scanner)
                try scanner.finish()
                return value
            } catch {
                throw failure("\(error.what) (byte \(error.offset) of the line)")
            }
        }
        return nil
    }
}
