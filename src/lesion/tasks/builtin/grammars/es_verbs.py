"""Sixty Spanish verbs, in the imperfect or the present.

They are the most frequent ones of the novels that have as many pieces in the singular as in the
plural, in the tokenizer of the built-in models.
"""

from lesion.tasks.builtin.grammars.base import SentencePlan, Verb
from lesion.tasks.builtin.grammars.es import GRAMMAR as SMALL
from lesion.tasks.builtin.grammars.es import PEOPLE, after, the

ADJUNCTS = ("sin mirar", "sin oír", "a pesar de conocer", "a pesar de esperar")

# fmt: off
VERBS = (
    Verb("es", "son", False, ("de Madrid", "de buena familia", "de otro pueblo", "de confianza")),
    Verb("había", "habían", True, ("leído la carta", "dicho la verdad", "llegado tarde",
                                   "sufrido mucho", "vuelto de Madrid", "oído un grito")),
    Verb("estaba", "estaban", True, ("bien", "de pie", "en peligro", "sin dinero"),
         ("aquí", "allí", "en casa", "en la iglesia")),
    Verb("iba", "iban", True, ("a morir", "a salir", "a hablar", "a Madrid")),
    Verb("tenía", "tenían", True, ("razón", "miedo", "hambre", "mucha prisa")),
    Verb("ve", "ven", False, ("el mar", "el peligro", "una luz", "muy mal")),
    Verb("venía", "venían", True, ("de Madrid", "a pie", "todos los días", "a pedir dinero")),
    Verb("miraba", "miraban", True, ("al cielo", "el mar", "sin decir nada", "hacia la calle")),
    Verb("salía", "salían", True, ("de casa", "sin hacer ruido", "a la calle", "todas las noches")),
    Verb("hablaba", "hablaban", True, ("muy bajo", "de la guerra", "en voz alta", "poco")),
    Verb("llamaba", "llamaban", True, ("a la puerta", "al perro", "en vano", "a gritos")),
    Verb("llegaba", "llegaban", True, ("tarde", "de Madrid", "a pie", "sin dinero")),
    Verb("seguía", "seguían", True, ("de pie", "sin hablar", "el camino"), ("en Madrid",)),
    Verb("suele", "suelen", False, ("callar", "comer bien", "salir de noche", "decir la verdad")),
    Verb("encontraba", "encontraban", True,
         ("trabajo", "la puerta cerrada", "consuelo en la música")),
    Verb("deja", "dejan", False,
         ("la puerta abierta", "de comer", "pasar el tiempo", "el trabajo")),
    Verb("corría", "corrían", True, ("mucho", "a casa", "un gran peligro", "hacia la calle")),
    Verb("caía", "caían", True, ("de rodillas", "al suelo", "en la cuenta", "al agua")),
    Verb("pasa", "pasan", False, ("hambre", "las noches sin dormir", "sin decir nada", "de largo")),
    Verb("volvía", "volvían", True, ("a casa", "de Madrid", "a reír", "muy tarde")),
    Verb("lleva", "llevan", False, ("una carta", "mucho dinero", "luto", "una vida triste")),
    Verb("cree", "creen", False, ("en Dios", "que sí", "tener razón", "soñar")),
    Verb("entraba", "entraban", True, ("sin hacer ruido", "en la iglesia", "en casa", "a comer")),
    Verb("conoce", "conocen", False, ("la verdad", "el camino", "Madrid", "el peligro")),
    Verb("vivía", "vivían", True, ("muy bien", "sin dinero"), ("en Madrid", "cerca del mar")),
    Verb("sirve", "sirven", False, ("la comida", "a la reina", "vino", "de ejemplo")),
    Verb("ponía", "ponían", True, ("la mesa", "mala cara", "mucho cuidado", "la mano en el fuego")),
    Verb("empezaba", "empezaban", True, ("a llorar", "a comprender", "el trabajo", "a sudar")),
    Verb("andaba", "andaban", True, ("muy despacio", "a pie", "sin dinero", "de prisa")),
    Verb("ocupaba", "ocupaban", True, ("una gran casa", "el mejor sitio", "la mesa")),
    Verb("oía", "oían", True, ("la música", "misa", "un ruido extraño", "muy mal")),
    Verb("trataba", "trataban", True, ("de dormir", "de salir", "de comprender", "mal al perro")),
    Verb("contaba", "contaban", True, ("una historia", "el dinero", "la verdad", "mentiras")),
    Verb("reía", "reían", True, ("mucho", "sin razón", "a carcajadas", "en silencio")),
    Verb("cantaba", "cantaban", True, ("muy bien", "misa", "en voz baja", "una canción")),
    Verb("tomaba", "tomaban", True, ("café", "el sol", "la palabra", "chocolate")),
    Verb("espera", "esperan", False, ("una carta", "en silencio", "la muerte", "volver pronto")),
    Verb("traía", "traían", True, ("una carta", "buenas noticias", "dinero", "pan y vino")),
    Verb("subía", "subían", True, ("la escalera", "al coche", "muy despacio", "sin hacer ruido")),
    Verb("temblaba", "temblaban", True, ("de miedo", "de frío", "sin cesar", "de ira")),
    Verb("ofrecía", "ofrecían", True, ("dinero", "vino", "la mano", "poca resistencia")),
    Verb("dormía", "dormían", True, ("muy mal", "todavía", "la siesta"), ("en el suelo",)),
    Verb("siente", "sienten", False, ("frío", "mucha pena", "miedo", "un gran dolor")),
    Verb("cruzaba", "cruzaban", True, ("la calle", "el río", "el jardín en silencio", "la plaza")),
    Verb("abría", "abrían", True, ("la puerta", "la carta", "mucho los ojos", "la ventana")),
    Verb("mostraba", "mostraban", True, ("mucho valor", "la carta", "poco interés", "alegría")),
    Verb("comenzaba", "comenzaban", True, ("a llorar", "a comprender", "el trabajo", "a hablar")),
    Verb("comía", "comían", True, ("poco", "con apetito", "pan y queso", "de todo")),
    Verb("guardaba", "guardaban", True, ("silencio", "el dinero", "el secreto", "cama")),
    Verb("levantaba", "levantaban", True, ("la cabeza", "la voz", "la mano", "el vaso")),
    Verb("acaba", "acaban", False, ("de llegar", "de comer", "el trabajo", "de salir")),
    Verb("tocaba", "tocaban", True, ("la guitarra", "muy bien", "el piano", "la campana")),
    Verb("cerraba", "cerraban", True, ("la puerta", "los ojos", "la ventana", "el libro")),
    Verb("merece", "merecen", False, ("la muerte", "un premio", "mejor suerte", "compasión")),
    Verb("buscaba", "buscaban", True, ("trabajo", "la salida", "en vano", "el camino")),
    Verb("recibía", "recibían", True, ("una carta", "malas noticias", "dinero", "la bendición")),
    Verb("pedía", "pedían", True, ("limosna", "perdón", "de comer", "consejo")),
    Verb("jugaba", "jugaban", True, ("a las cartas", "en la calle", "con fuego", "mal")),
    Verb("recordaba", "recordaban", True, ("la canción", "el pasado", "todo", "muy poco")),
    Verb("paseaba", "paseaban", True, ("al sol", "por la calle", "sin rumbo", "a caballo")),
)
# fmt: on


def verb_phrase(p: SentencePlan) -> str:
    """El hombre, sin mirar a los niños,: what follows may last or happen."""
    head, other = p.two(PEOPLE)
    return f"{the(head, p.number)}, {p.pick('verb', ADJUNCTS)} {after('a', other, p.other)},"


GRAMMAR = SMALL._replace(verbs=VERBS, before={**SMALL.before, "verb-phrase": verb_phrase}, never={})
