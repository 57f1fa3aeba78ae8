public import KuklaNumerics

/// How a task in words and a text become what a model that follows instructions reads.
///
/// The text comes last, so that what stands before it is a prompt as sentence-transformers has them.
/// *Source:* Wang et al. 2024, "Improving text embeddings with large language models", arXiv:2401.00368, whose form NV-Embed takes.
public struct InstructionTemplate: Sendable, Hashable {
    /// With `{task}` and, at its end, `{text}`.
    public let text: String

    /// `Instruct: {task}\nQuery: {text}`.
    public static let standard = InstructionTemplate(unchecked: "Instruct: {task}\nQuery: {text}")

    private init(unchecked text: String) { self.text = text }

    /// - Parameter text: `\n` written as two characters is a line break.
    /// - Throws: `KuklaError.usage` where `{task}` or `{text}` does not stand in it once, or `{text}` not at its end.
    public init(_ text: String) throws(KuklaError) {
        let text = text.replacing("\\n", with: "\n")
        for place in ["{task}", "{text}"] where text.ranges(of: place).count != 1 {
            throw KuklaError(
                .usage,
                "Cannot use the template '\(text)': expected \(place) once, found it \(text.ranges(of: place).count) times. An example is 'Instruct: {task}\\nQuery: {text}'."
            )
        }
        guard text.hasSuffix("{text}") else {
            throw KuklaError(
                .usage,
                "Cannot use the template '\(text)': expected {text} at its end, as the prompt stands before the text."
            )
        }
        self.text = text
    }

    /// What stands before a text of this task; "" for a task without words.
    public func prompt(_ task: String) -> String {
        task.isEmpty
            ? "" : String(text.dropLast("{text}".count)).replacing("{task}", with: task)
    }
}
