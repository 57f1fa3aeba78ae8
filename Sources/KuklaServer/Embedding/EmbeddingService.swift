import HTTPTypes
import Hummingbird
import KuklaNumerics
import KuklaText
import NIOCore

/// What all dialects do to embed: texts to tokens, tokens to vectors, by the model that is served.
struct EmbeddingService: Sendable {
    let served: ServedModel
    let queue: EmbeddingQueue
    let departures: Departures
    let configuration: ServerConfiguration

    /// Texts, or texts that somebody has tokenised.
    enum Input {
        case texts([String])
        /// Ids without special tokens.
        case tokens([[Int32]])

        var count: Int {
            switch self {
            case .texts(let texts): texts.count
            case .tokens(let tokens): tokens.count
            }
        }
    }

    /// Inputs of one request, at most.
    static let maximumInputs = 2048

    private var maximumLength: Int { served.model.encoder.maximumLength }

    /// The tokens of `input` with the special ones.
    ///
    /// - Parameter truncates: whether what is too long is cut; it is refused otherwise.
    /// - Throws: `APIFailure.invalidRequest` that names `parameter`.
    func tokenise(
        _ input: Input, prompt: String = "", truncates: Bool, parameter: String
    ) throws(APIFailure) -> TokenBatch {
        guard (1...Self.maximumInputs).contains(input.count) else {
            throw APIFailure(
                .invalidRequest,
                "'\(parameter)' has \(input.count) texts: expected 1 to \(Self.maximumInputs).",
                code: "invalid_input", parameter: parameter)
        }
        let batch: TokenBatch
        switch input {
        case .texts(let texts):
            batch = served.model.tokenizer.encode(
                texts, prompts: [String](repeating: prompt, count: texts.count), maxLength: maximumLength + 1)
        case .tokens(let lists): batch = try framed(lists, parameter)
        }
        let tooLong = (0..<batch.count).first { batch[$0].count > maximumLength }
        guard let tooLong else { return batch }
        guard truncates else {
            throw APIFailure(
                .invalidRequest,
                "Text \(tooLong) of '\(parameter)' is longer than the \(maximumLength) tokens that the model '\(served.name)' reads, special tokens counted. Cut it, or set \"truncate\": true.",
                code: "context_length_exceeded", parameter: parameter)
        }
        return cut(batch)
    }

    /// Sequences with the model's special tokens around them.
    private func framed(_ lists: [[Int32]], _ parameter: String) throws(APIFailure) -> TokenBatch {
        let tokenizer = served.model.tokenizer
        let special = tokenizer.encode("").ids
        let leading = tokenizer.specialTokenCounts.leading
        var sequences: [[Int32]] = []
        for (place, list) in lists.enumerated() {
            guard let bad = list.first(where: { !(0..<Int32(tokenizer.vocabularySize)).contains($0) }) else {
                sequences.append(special[..<leading] + list + special[leading...])
                continue
            }
            throw APIFailure(
                .invalidRequest,
                "Token \(bad) of '\(parameter)' \(place) is none of the model's, which are 0 to \(tokenizer.vocabularySize - 1). Send text, or tokens of the model's own tokenizer (POST /tokenize).",
                code: "invalid_token", parameter: parameter)
        }
        return TokenBatch(sequences: sequences)
    }

    /// Sequences of at most the length that the model reads, with their last special tokens.
    private func cut(_ batch: TokenBatch) -> TokenBatch {
        let trailing = served.model.tokenizer.specialTokenCounts.trailing
        let sequences = (0..<batch.count).map { text -> [Int32] in
            let ids = batch[text]
            guard ids.count > maximumLength else { return Array(ids) }
            return Array(ids.prefix(maximumLength - trailing) + ids.suffix(trailing))
        }
        return TokenBatch(sequences: sequences, promptLengths: batch.promptLengths)
    }

    /// The vectors of tokens at a size, whose rows have length 1 where the model normalises or where they are cut. Given up when the
    /// client goes.
    func embed(_ tokens: TokenBatch, _ size: ModelSize, for context: RequestScope) async throws -> Matrix {
        let ticket = Ticket()
        return try await departures.watching(context.channel) {
            let vectors = try await queue.embed(
                tokens, layers: size.layers == served.model.encoder.layerCount ? nil : size.layers,
                within: configuration.timeout, ticket: ticket)
            return size.dimensions == vectors.columns ? vectors : vectors.leadingComponents(size.dimensions)
        } departed: {
            ticket.cancel()
        }
    }

    /// The vectors of texts at the model's full size.
    func embed(_ texts: [String], truncates: Bool, for context: RequestScope) async throws -> Matrix {
        let tokens = try tokenise(.texts(texts), truncates: truncates, parameter: "text")
        return try await embed(
            tokens, ModelSize(layers: served.model.encoder.layerCount, dimensions: served.dimensions),
            for: context)
    }
}

extension TokenBatch {
    fileprivate init(sequences: [[Int32]], promptLengths: [Int] = []) {
        self.init()
        for sequence in sequences {
            ids.append(contentsOf: sequence)
            offsets.append(ids.count)
        }
        self.promptLengths = promptLengths
    }
}
