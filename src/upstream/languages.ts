/**
 * The words of other languages by which a text gives orders to a model. Written as they stand after `plain` of
 * prompt-injection-languages.ts: lower case, Latin letters without accents. Each is the source of a regular expression. PURE.
 */

export interface Language {
  /** In what it is written: nothing else is tried. */
  readonly script: 'Latin' | 'Cyrillic'
  /** To ignore, forget, disregard: as an order. */
  readonly ignore: string
  /** Instructions, rules, prompts. */
  readonly instructions: string
  /** Previous, above, your, of the system. */
  readonly previous: string
  readonly never: string
  /** To inform, to mention: as an order, or as what is not to be done. Not to notify: that is what honest tools do. */
  readonly inform: string
  /** The user, from whom something is to be kept. */
  readonly user: string
  readonly must: string
  readonly read: string
  readonly pass: string
  /** The contents of. */
  readonly contents: string
  /** The system prompt, the conversation. */
  readonly own: string
  /** Before this tool is used. */
  readonly beforeUse: string
  /** To send, to forward, to copy. */
  readonly send: string
  /** Always, also, every, all. */
  readonly always: string
  /** Whole orders that are formed in no common way. */
  readonly others: readonly string[]
}

const spanish: Language = {
  script: 'Latin',
  ignore:
    '(?:ignor(?:a|e|ar|ad|en)|olvid(?:a|e|ar|ad|en)|descart(?:a|e|ar)|desobede(?:ce|zca)|omit(?:e|a|ir)|(?:haz|haga) caso omiso (?:de|a)|no (?:sigas|siga|hagas caso (?:a|de)))',
  instructions: '(?:instruccion(?:es)?|indicacion(?:es)?|ordenes|reglas|directrices|directivas|prompts?)',
  previous:
    '(?:anterior(?:es)?|previ[ao]s?|precedentes?|de arriba|originales|iniciales|del sistema|del desarrollador|de seguridad|tus|recibid[ao]s|que (?:te|le|se te) (?:dieron|han dado|hayan dado))',
  never: '(?:no|nunca|jamas|sin|evit(?:a|e|ar))',
  inform:
    '(?:(?:se lo |le |les )?(?:digas?|cuentes?|menciones?|mencione|informes?|reveles?|expliques?)|decir(?:le|selo)?|contar(?:le|selo)?|mencionar(?:lo|le|selo)?|informar(?:le)?|revelar(?:lo|le|selo)?|avisar(?:le)?)',
  user: '(?:al?|el|la|los|las) (?:usuari[oa]s?|humanos?|operador(?:es)?)',
  must: '(?:debes?|tienes? que|hay que|siempre|es obligatorio|es necesario|asegurate de|por favor)',
  read: '(?:le(?:e|a|er)|abr(?:e|a|ir)|carg(?:a|ue|ar)|copi(?:a|e|ar)|obten(?:er|ga)?|recuper(?:a|e|ar)|extra(?:e|er|iga)|inclu(?:ye|ya|ir)|envi(?:a|e|ar)|adjunt(?:a|e|ar)|peg(?:a|ue|ar))',
  pass: '(?:pas(?:a|e|ar)(?:lo|la)?|envi(?:a|e|ar)(?:lo|la)?|inclu(?:ye|ya|ir)(?:lo|la)?|adjunt(?:a|e|ar)(?:lo|la)?|pon(?:er|ga)?(?:lo|la)?|proporcion(?:a|e|ar)(?:lo|la)?|introduce(?:lo|la)?|us(?:a|e|ar)(?:lo|la)?)',
  contents: '(?:el |los |su )?contenidos? (?:completo )?(?:de|del)',
  own: '(?:tu|tus|el|la|toda la|todo el) (?:prompt (?:de|del) sistema|mensaje del sistema|instrucciones|conversacion(?: (?:completa|entera|hasta))?|historial (?:de(?:l)? (?:chat|conversacion|la conversacion)|completo))',
  beforeUse: 'antes de (?:usar|utilizar|llamar|invocar|ejecutar)(?: a)? (?:esta|la|cualquier) herramienta',
  send: '(?:re)?(?:envi(?:a|e|ar|ar(?:lo|la|los|las|se)|arse)|copi(?:a|e|ar|arse)|mand(?:a|e|ar|arse))',
  always: '(?:siempre|tambien|ademas|tod[oa]s|cada|debes?|deben)',
  others: [
    '(?:el|los) (?:usuarios?|humanos?) no (?:debe|deben|puede|pueden|tiene que) (?:saber|enterarse|ver|notar|darse cuenta|conocer)',
    'sin que (?:el|los) (?:usuarios?|humanos?) (?:lo |se )?(?:sepan?|enteren?|note|den? cuenta|vea)',
    '(?:oculta|oculte|esconde|esconda)(?:lo|selo)? (?:[^\\s.;:]{1,40} ){0,4}?al? (?:los )?usuarios?',
    'no (?:le )?(?:pidas|pida|solicites|solicite|esperes) (?:[^\\s.;:]{1,40} ){0,3}?(?:confirmacion|permiso|aprobacion|consentimiento)',
    'no (?:uses|use|utilices|utilice|llames|llame|invoques) (?:a )?(?:nunca )?(?:ninguna |cualquier )?otras? herramientas?',
    '(?:debes?|tienes? que|siempre) (?:[^\\s.;:]{1,40} ){0,3}?(?:usar?|utilizar?|llamar?|invocar?|ejecutar?) (?:primero )?(?:a )?esta herramienta (?:primero|antes (?:de|que) (?:usar |llamar )?(?:a )?(?:cualquier|todas?|ninguna|las demas|otras?))',
    '(?:nuevas|verdaderas|ocultas) instrucciones ?:',
    '(?:ahora eres|a partir de ahora eres) (?:[^\\s.;:]{1,40} ){0,3}?(?:asistente|agente|ia|modelo) (?:sin (?:restricciones|limites|censura)|libre)',
  ],
}

const portuguese: Language = {
  script: 'Latin',
  ignore:
    '(?:ignor(?:a|e|ar|em)|esquec(?:a|e|er|am)|desconsider(?:a|e|ar)|descart(?:a|e|ar)|desobede(?:ce|ca)|nao (?:siga|sigas|obedeca))',
  instructions: '(?:instruc(?:ao|oes)|orientac(?:ao|oes)|ordens|regras|diretrizes|diretivas|prompts?)',
  previous:
    '(?:anterior(?:es)?|previ[ao]s?|precedentes?|acima|originais|iniciais|do sistema|do desenvolvedor|de seguranca|suas|tuas|recebid[ao]s|que (?:te|lhe|voce) (?:deram|foram dadas|recebeu))',
  never: '(?:nao|nunca|jamais|sem|evit(?:a|e|ar))',
  inform:
    '(?:(?:lhe |lhes )?(?:digas?|conte|contes|mencione|menciones|informe|informes|revele|reveles|explique|fale)|dizer|contar|mencionar|informar|revelar|avisar|comunicar)',
  user: '(?:ao?s?|o|a|os|as|para o) (?:usuari[oa]s?|utilizador(?:es)?|humanos?|operador(?:es)?)',
  must: '(?:deve|deves|tem que|tem de|tens de|e preciso|e necessario|sempre|certifique-se de|por favor)',
  read: '(?:l(?:e|eia|er)|abr(?:a|e|ir)|carreg(?:a|ue|ar)|copi(?:a|e|ar)|obtenha|obter|recuper(?:a|e|ar)|extra(?:i|ia|ir)|inclu(?:i|a|ir)|envi(?:a|e|ar)|anex(?:a|e|ar)|col(?:a|e|ar))',
  pass: '(?:pass(?:a|e|ar)(?:-o|-a)?|envi(?:a|e|ar)(?:-o|-a)?|inclu(?:i|a|ir)(?:-o|-a)?|anex(?:a|e|ar)(?:-o|-a)?|coloc(?:a|que|ar)(?:-o|-a)?|fornec(?:a|e|er)(?:-o|-a)?|us(?:a|e|ar)(?:-o|-a)?)',
  contents: '(?:o |os |seu )?conteudos? (?:completo )?(?:de|do|da)',
  own: '(?:seu|sua|suas|teu|tua|o|a|toda a|todo o) (?:prompt (?:de|do) sistema|mensagem do sistema|instrucoes|conversa(?: (?:completa|inteira|ate))?|historico (?:d[ae] conversa|do chat|completo))',
  beforeUse: 'antes de (?:usar|utilizar|chamar|invocar|executar) (?:esta|essa|a|qualquer) ferramenta',
  send: '(?:re)?(?:envi(?:a|e|ar|ad[oa]s?)|encaminh(?:a|e|ar|ad[oa]s?)|copi(?:a|e|ar|ad[oa]s?)|mand(?:a|e|ar))',
  always: '(?:sempre|tambem|alem disso|tod[oa]s|cada|deve|devem)',
  others: [
    '(?:o|os) (?:usuarios?|utilizador(?:es)?|humanos?) nao (?:deve|devem|pode|podem) (?:saber|perceber|ver|notar|descobrir|ser informados?)',
    'sem que (?:o|os) (?:usuarios?|utilizador(?:es)?|humanos?) (?:o )?(?:saibam?|percebam?|note|vejam?)',
    'sem o (?:conhecimento|consentimento) d[oe]s? (?:usuarios?|utilizador(?:es)?)',
    '(?:oculte|oculta|esconda|esconde)(?:-o)? (?:[^\\s.;:]{1,40} ){0,4}?d?[oa]s? (?:usuarios?|utilizador(?:es)?)',
    'nao (?:peca|pecas|solicite|aguarde) (?:[^\\s.;:]{1,40} ){0,3}?(?:confirmacao|permissao|aprovacao|autorizacao|consentimento)',
    'nao (?:use|uses|utilize|chame|chames|invoque) (?:nunca )?(?:nenhuma |qualquer )?outras? ferramentas?',
    '(?:deve|deves|tem que|sempre) (?:[^\\s.;:]{1,40} ){0,3}?(?:usar?|utiliz(?:ar|e)|use|chamar|chame|invocar|executar|execute) (?:primeiro )?esta ferramenta (?:primeiro|antes de (?:usar |chamar )?(?:qualquer|todas?|nenhuma|as demais|outras?))',
    '(?:novas|verdadeiras|ocultas) instrucoes ?:',
    '(?:agora voce e|a partir de agora voce e) (?:[^\\s.;:]{1,40} ){0,3}?(?:assistente|agente|ia|modelo) (?:sem (?:restricoes|limites|censura)|livre)',
  ],
}

const french: Language = {
  script: 'Latin',
  ignore:
    '(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)|ne (?:tiens|tenez) (?:pas|aucun) compte (?:de|des)|ne (?:tiens|tenez) pas compte (?:de|des)|fais abstraction (?:de|des)|faites abstraction (?:de|des)|ne (?:suis|suivez) pas|desobeis a)',
  instructions: '(?:instructions?|consignes?|ordres|regles|directives?|prompts?)',
  previous:
    "(?:precedent(?:e|s|es)?|anterieur(?:e|s|es)?|ci-dessus|d'origine|initiales?|du systeme|systeme|du developpeur|de securite|tes|vos|recues?|qui (?:t'ont|vous ont) ete donnees?|que tu as recues|que vous avez recues)",
  never: "(?:ne|n'|sans|jamais|evite(?:z)? de)",
  inform:
    '(?:(?:le |la |les |en )?(?:dis|dites|mentionne|mentionnez|informe|informez|revele|revelez|explique|expliquez|parle|parlez|previens|prevenez|signale|signalez)|dire|mentionner|informer|reveler|parler|prevenir|avertir)',
  user: "(?:(?:a |l'|les? |aux |a l'|d')(?:utilisat(?:eur|rice)s?|humains?|operateurs?))",
  must: '(?:dois|devez|doit|il faut|toujours|est obligatoire|assure-toi de|assurez-vous de|veuillez|merci de)',
  read: '(?:li(?:s|sez|re)|ouvr(?:e|ez|ir)|charg(?:e|ez|er)|copi(?:e|ez|er)|recuper(?:e|ez|er)|extrai(?:s|re)|extrayez|inclu(?:s|ez|re)|envo(?:ie|yez|yer)|join(?:s|dre)|joignez|coll(?:e|ez|er))',
  pass: '(?:pass(?:e|ez|er)(?:-le|-la)?|envo(?:ie|yez|yer)(?:-le|-la)?|inclu(?:s|ez|re)(?:-le|-la)?|transme(?:ts|ttez|ttre)(?:-le|-la)?|fourni(?:s|r)|fournissez(?:-le|-la)?|me(?:ts|ttez|ttre)(?:-le|-la)?|join(?:s|dre)(?:-le|-la)?|ajout(?:e|ez|er)(?:-le|-la)?|utilis(?:e|ez|er)(?:-le|-la)?)',
  contents: "(?:le |les |son )?contenus? (?:complet )?(?:de|du|des|d')",
  own: "(?:ton|tes|votre|vos|le|la|toute la|tout l') ?(?:prompt systeme|message systeme|instructions|conversation(?: (?:complete|entiere|jusqu))?|historique (?:de (?:la )?conversation|du chat|complet))",
  beforeUse:
    "avant (?:d'utiliser|d'appeler|d'invoquer|d'executer|de lancer) (?:cet|l'|un|n'importe quel) ?outil",
  send: '(?:r?envo(?:ie|yez|yer|yee?s?)|transfer(?:e|ez|er|ee?s?)|transme(?:ts|ttez|ttre)|transmise?s?|copi(?:e|ez|er|ee?s?)|adress(?:er|ee?s?))',
  always: '(?:toujours|egalement|aussi|tous|toutes|chaque|doit|doivent)',
  others: [
    "(?:l'|les )(?:utilisateurs?|humains?) ne (?:doit|doivent|peut) (?:pas|jamais|rien) (?:le |en |l'|etre )?(?:savoir|apprendre|voir|remarquer|informes?|s'en rendre compte)",
    "(?:sans que|a l'insu de) l'utilisateur",
    "(?:cache|cachez|dissimule|dissimulez)(?:-le)? (?:[^\\s.;:]{1,40} ){0,4}?(?:a l'|aux )utilisateurs?",
    'ne (?:demande|demandez|sollicite|sollicitez) (?:pas|jamais|aucune?) (?:[^\\s.;:]{1,40} ){0,3}?(?:confirmation|permission|autorisation|approbation|accord)',
    "n'(?:utilise|utilisez|appelle|appelez) (?:pas|jamais|aucun) (?:d')?autres? outils?",
    "(?:dois|devez|toujours|il faut) (?:[^\\s.;:]{1,40} ){0,3}?(?:utilise[rz]?|appel(?:er|le|ez)|invoque[rz]?|execute[rz]?) (?:d'abord )?cet outil (?:en premier|d'abord|avant (?:d'utiliser |d'appeler )?(?:tout|tous|toute|n'importe|les autres))",
    '(?:nouvelles|vraies) instructions ?:',
    '(?:tu es|vous etes) (?:maintenant|desormais) (?:[^\\s.;:]{1,40} ){0,3}?(?:assistant|agent|ia|modele) (?:sans (?:restrictions?|limites?|censure)|libre)',
  ],
}

const german: Language = {
  script: 'Latin',
  ignore:
    '(?:ignorier(?:e|en|t)?|vergiss|vergessen sie|missacht(?:e|en)|verwirf|verwerfen sie|uberg(?:eh|ehe)|uebergeh(?:e)?|beacht(?:e|en) (?:sie )?(?:nicht|keine)|befolg(?:e|en) (?:sie )?(?:nicht|keine))',
  instructions:
    '(?:(?:system|sicherheits)?(?:anweisung(?:en)?|instruktion(?:en)?|befehle?|regeln|vorgaben|richtlinien|prompts?))',
  previous:
    '(?:vorherigen?|bisherigen?|vorigen?|fruheren?|frueheren?|obigen?|ursprunglichen?|urspruenglichen?|vorangegangenen?|deine|ihre|vom system|des systems|des entwicklers|von oben|von vorher)',
  never: '(?:nicht|nichts|nie|niemals|kein(?:e|en|em)?|ohne)',
  inform:
    '(?:sag(?:e|en|t)?|erzahl(?:e|en)?|erzaehl(?:e|en)?|verrat(?:e|en)?|informier(?:e|en)?|erwahn(?:e|en)?|erwaehn(?:e|en)?|mitteilen|teil(?:e|en)?)',
  user: '(?:dem|den|der|die|das|gegenuber dem|gegenueber dem) (?:be)?(?:nutzern?|nutzerinnen|anwendern?|menschen|bediener)',
  must: '(?:musst|mussen|muessen|muss|sollst|immer|stets|bitte|zwingend|unbedingt|stell(?:e)? sicher)',
  read: '(?:li(?:es|est)|lesen|offn(?:e|en)|oeffn(?:e|en)|lad(?:e|en)|kopier(?:e|en)|hol(?:e|en)|extrahier(?:e|en)|sende?|senden|schick(?:e|en)|fug(?:e|en)|fueg(?:e|en))',
  pass: '(?:(?:u|ue)berg(?:ib|eben|ebe)|send(?:e|en)|schick(?:e|en)|fug(?:e|en)|fueg(?:e|en)|gib|geben|trag(?:e|en)|schreib(?:e|en)|verwend(?:e|en)|hang(?:e|en)|haeng(?:e|en))',
  contents: '(?:den |die |dessen |seinen )?(?:gesamten |ganzen |vollstandigen )?inhalte? (?:von|der|des|aus)',
  own: '(?:deinen?|ihren?|den|die|das|den gesamten|die gesamte|die ganze|den ganzen) (?:system-?prompt|systemnachricht|anweisungen|gesprachsverlauf|gespraechsverlauf|chatverlauf|konversation|unterhaltung)',
  beforeUse:
    '(?:bevor (?:du|sie) (?:dieses|das|ein|irgendein) (?:werkzeug|tool) (?:verwendest|benutzt|nutzt|aufrufst|verwenden|benutzen|nutzen|aufrufen|ausfuhrst)|vor (?:der|jeder) (?:verwendung|nutzung|benutzung) (?:dieses|des) (?:werkzeugs|tools))',
  send: '(?:(?:weiter)?(?:geleitet|leit(?:e|en)|send(?:e|en)|schick(?:e|en))|gesendet|geschickt|kopier(?:e|en|t)|eine kopie)',
  always: '(?:immer|stets|auch|zusatzlich|zusaetzlich|alle|jede[rsn]?|muss|mussen|muessen)',
  others: [
    '(?:sag|sage|erzahl|erzahle|erzaehle|verrat|verrate|teile|informier|informiere) (?:es )?(?:dem|den|der) (?:be)?(?:nutzern?|anwendern?|menschen) (?:[^\\s.;:]{1,40} ){0,4}?(?:nicht|nichts|nie|niemals)(?![\\p{L}])',
    'ohne (?:dass )?(?:den|die|der|es|dem|das) (?:be)?(?:nutzern?|anwendern?) (?:[^\\s.;:]{1,40} ){0,4}?(?:zu (?:informieren|sagen|fragen|erwahnen|erwaehnen)|davon (?:zu erzahlen|erfahrt|erfaehrt|weiss)|mitzuteilen|(?:be)?merkt|erfahrt|erfaehrt|weiss|mitbekommt)',
    '(?:der|die) (?:be)?(?:nutzer|anwender) (?:darf|durfen|duerfen|soll|sollen) (?:[^\\s.;:]{1,40} ){0,4}?(?:nichts?|nie|niemals) (?:[^\\s.;:]{1,40} ){0,2}?(?:erfahren|wissen|merken|bemerken|sehen|mitbekommen)',
    '(?:erwahn|erwaehn)(?:e|en sie) (?:dies|das|diesen|diese|es|davon) (?:[^\\s.;:]{1,40} ){0,4}?(?:nicht|nie|niemals)(?![\\p{L}])',
    '(?:verbirg|verheimlich(?:e|en)|verschweig(?:e|en)?|versteck(?:e|en)) (?:[^\\s.;:]{1,40} ){0,4}?(?:dem|den|vor dem|vor den) (?:be)?(?:nutzern?|anwendern?)',
    'frag(?:e|en)? (?:sie )?(?:[^\\s.;:]{1,40} ){0,3}?(?:nicht|nie|niemals) (?:[^\\s.;:]{1,40} ){0,2}?(?:nach |um )(?:[^\\s.;:]{1,40} ){0,1}?(?:bestatigung|bestaetigung|erlaubnis|zustimmung|freigabe)',
    '(?:verwend(?:e|en)|benutz(?:e|en)|nutz(?:e|en)) (?:sie )?(?:niemals |nie )?keine? ander(?:e|es|en) (?:werkzeuge?|tools?)',
    '(?:ruf(?:e)?|verwend(?:e|en)|benutz(?:e|en)|nutz(?:e|en)) (?:sie )?(?:[^\\s.;:]{1,40} ){0,2}?(?:immer|stets) (?:[^\\s.;:]{1,40} ){0,2}?(?:zuerst )?dieses (?:werkzeug|tool)(?: zuerst| als erstes| vor (?:allen|jedem|anderen))',
    '(?:neue|echte|geheime) anweisungen ?:',
    'du bist (?:jetzt|nun|ab sofort) (?:[^\\s.;:]{1,40} ){0,3}?(?:assistent|agent|ki|modell) ohne (?:[^\\s.;:]{1,40} ){0,2}?(?:einschrankung|einschraenkung|beschrankung|beschraenkung|grenzen|zensur)',
  ],
}

const russian: Language = {
  script: 'Cyrillic',
  ignore:
    '(?:игнорируй(?:те)?|проигнорируй(?:те)?|забудь(?:те)?|отбрось(?:те)?|не (?:следуй(?:те)?|обращай(?:те)? внимания на|учитывай(?:те)?|выполняй(?:те)?))',
  instructions:
    '(?:инструкци(?:и|й|ю|ям|ями)|указани(?:я|й|е|ям)|правил(?:а|о)?|команды?|промпты?|подсказки?|директивы?)',
  previous:
    '(?:предыдущи(?:е|х|й|м)|прежни(?:е|х|м)|прошлы(?:е|х)|вышеуказанны(?:е|х)|вышеприведенны(?:е|х)|изначальны(?:е|х)|исходны(?:е|х)|системны(?:е|х)|свои|твои|ваши|данные (?:тебе|вам)|выше|ранее|до этого)',
  never: '(?:не|никогда не|нельзя|без|ни в коем случае не)',
  inform:
    '(?:говори(?:те|ть)?|сообщай(?:те)?|сообщать|рассказывай(?:те)?|рассказывать|упоминай(?:те)?|упоминать|раскрывай(?:те)?|раскрывать|информируй(?:те)?|информировать|показывай(?:те)?|объясняй(?:те)?)',
  user: '(?:пользовател(?:ю|ям|я|ей)|человеку|людям|оператору)',
  must: '(?:должен|должна|должны|обязан[аы]?|необходимо|нужно|надо|всегда|обязательно|пожалуйста)',
  read: '(?:прочита(?:й|йте|ть)|прочти(?:те)?|чита(?:й|йте|ть)|открой(?:те)?|открыть|загрузи(?:те|ть)?|скопируй(?:те)?|скопировать|получи(?:те|ть)?|извлеки(?:те)?|включи(?:те|ть)?|отправь(?:те)?|отправить|вставь(?:те)?)',
  pass: '(?:переда(?:й|йте|ть|вай|вайте)|отправ(?:ь|ьте|ить|ляй|ляйте)|включи(?:те|ть)?|приложи(?:те|ть)?|вставь(?:те)?|вставить|укажи(?:те)?|помести(?:те|ть)?|используй(?:те)?)',
  contents: '(?:все |его |их )?содержимое (?:файла |файлов )?',
  own: '(?:(?:свой|твой|ваш|весь|всю|полный|полную|свою|системный|историю|всю историю) (?:[^\\s.;:]{1,40} ){0,2}?(?:промпт|системный промпт|диалога?|переписк[уи]|разговора?|беседы|чата))',
  beforeUse:
    '(?:перед (?:использованием|вызовом|запуском) (?:этого|данного|любого)? ?инструмента|прежде чем (?:использовать|вызывать|вызвать) (?:этот|данный|любой) инструмент)',
  send: '(?:отправ(?:ь|ьте|ить|ляй|ляйте|лять|ляться|лены|лена)|пересыла(?:й|йте|ть|ться)|перешли(?:те)?|копируй(?:те)?|копи[юя])',
  always: '(?:всегда|также|все|всех|кажд(?:ое|ый|ую)|должн[оаы])',
  others: [
    'пользовател(?:ь|и) не (?:должен|должны|должна|может) (?:об этом |этого |ничего )?(?:знать|узнать|видеть|заметить|догадаться)',
    '(?:без ведома|втайне от|тайком от|не ставя в известность|незаметно для) пользовател(?:я|ей)',
    '(?:скр(?:ой|ойте|ывай|ывайте)|утаи(?:те)?) (?:[^\\s.;:]{1,40} ){0,4}?от пользовател(?:я|ей)',
    'не (?:спрашивай(?:те)?|запрашивай(?:те)?|проси(?:те)?|жди(?:те)?) (?:[^\\s.;:]{1,40} ){0,3}?(?:подтверждени[яе]|разрешени[яе]|согласи[яе]|одобрени[яе])',
    'не (?:используй(?:те)?|вызывай(?:те)?|применяй(?:те)?) (?:никакие |никаких |любые )?други(?:е|х) инструмент(?:ы|ов)',
    '(?:всегда|обязательно|должен|должны) (?:[^\\s.;:]{1,40} ){0,3}?(?:используй(?:те)?|вызывай(?:те)?|вызывать|использовать) (?:сначала )?этот инструмент (?:первым|сначала|перед|до|прежде|вместо) ?(?:всех|любых|любым|других|остальных|другими|всеми)?',
    '(?:новые|настоящие|скрытые) (?:инструкции|указания) ?:',
    'ты (?:теперь|больше не|отныне) (?:[^\\s.;:]{1,40} ){0,3}?(?:ассистент|агент|ии|модель) без (?:[^\\s.;:]{1,40} ){0,2}?(?:ограничений|цензуры)',
    '(?:тайно|скрытно|незаметно|тихо) (?:отправ(?:ь|ьте|ляй|ляйте)|перешли(?:те)?|скопируй(?:те)?|передай(?:те)?)',
  ],
}

/** Languages that part their words by spaces. */
export const spaced: readonly Language[] = [spanish, portuguese, french, german, russian]

/** In Chinese, in both ways of writing it. */
export const chinese: readonly string[] = [
  '(?:忽略|忽视|忽視|无视|無視|忘记|忘記|忘掉|不要理会|不要理會|不要遵循|不要遵守|抛弃|拋棄|覆盖|覆蓋)[^。；\\n]{0,8}?(?:之前|以前|先前|前面|此前|上述|以上|上面|所有|一切|全部|你的|系统|系統|原有|原来|原來|开发者|開發者)[^。；\\n]{0,10}?(?:指令|指示|提示词|提示詞|规则|規則|命令|设定|設定|要求|说明|說明)',
  '(?:不要|不得|不能|切勿|请勿|請勿|禁止|别|別|无需|無需|千万不要|千萬不要)[^。；，,\\n]{0,8}?(?:告诉|告訴|告知|让|讓|透露给|透露給|提示|通知给)[^。；，,\\n]{0,6}?(?:用户|用戶|使用者)',
  '(?:不要|不得|不能|切勿|请勿|請勿|禁止|别|別|千万不要)[^。；，,\\n]{0,4}?(?:向|对|對|跟|和|与)(?:用户|用戶|使用者)[^。；\\n]{0,8}?(?:提及|提到|透露|说明|說明|解释|解釋|披露|报告|報告|说起|說起|泄露)',
  '(?:用户|用戶|使用者)(?:不应|不應|不能|不得|不可|不会|不该|不該|不需要|绝不能)[^。；，,\\n]{0,6}?(?:知道|得知|看到|察觉|察覺|发现|發現|知晓|知曉)',
  '(?:瞒着|瞞著|背着|背著|对|對|向)(?:用户|用戶|使用者)(?:隐瞒|隱瞞|保密|隐藏|隱藏)|(?:瞒着|瞞著|背着|背著)(?:用户|用戶|使用者)',
  '(?:不要|无需|無需|不必|切勿)(?:向|请求|請求|征求|徵求|询问|詢問|等待)[^。；，,\\n]{0,4}?(?:用户|用戶|使用者)[^。；，,\\n]{0,6}?(?:确认|確認|同意|许可|許可|批准|授权|授權)',
  '(?:偷偷|悄悄|暗中|秘密地?|私下)(?:地)?(?:发送|發送|转发|轉發|上传|上傳|复制|複製|读取|讀取|收集|传送|傳送)',
  '(?:不要|禁止|切勿|请勿|請勿)(?:再)?(?:使用|调用|呼叫|調用)(?:任何)?其[他它](?:的)?工具',
  '(?:使用|调用|調用|呼叫)(?:任何|所有|一切)其[他它](?:的)?工具(?:之)?前[^。；\\n]{0,8}?(?:必须|必須|务必|務必|一定要|始终|總是|先)[^。；\\n]{0,6}?(?:使用|调用|調用|呼叫)(?:本|此|该|該|这个|這個)工具',
  '(?:使用|调用|調用|呼叫|执行|執行)(?:本|此|该|該|这个|這個)?工具(?:之)?前[^。；\\n]{0,16}?(?:读取|讀取|打开|打開|查看|复制|複製|加载|載入)[^。；\\n]{0,80}?(?:传入|傳入|传给|傳給|传递|傳遞|发送|發送|放入|填入|附加|附上|作为|作為|写入|寫入)',
  '(?:把|将|將)[^。；\\n]{0,10}?(?:系统提示词?|系統提示詞?|完整对话|完整對話|全部对话|对话历史|對話歷史|对话记录|對話記錄|聊天记录|聊天記錄)[^。；\\n]{0,20}?(?:传|傳|发送|發送|放入|填入|附加|附上|写入|寫入)',
  '(?:新的|真正的|隐藏的|隱藏的)(?:系统|系統)?(?:指令|指示) ?[:：]',
  '(?:所有|每封|每条|每條|全部|同时|同時|始终|還要|还要)[^。；\\n]{0,20}?(?:抄送|密送|转发|轉發|发送|發送|副本)[^。；\\n]{0,10}?[\\w.+-]{1,64}@(?!example\\.)[\\w-]{1,63}\\.[a-z]',
]

export const japanese: readonly string[] = [
  '(?:以前|これまで|今まで|前|上記|先ほど|すべて|全て|あらゆる|元|システム|あなた)の[^。\\n]{0,10}?(?:指示|命令|プロンプト|ルール|規則|設定|ガイドライン)(?:を|は)?[^。\\n]{0,8}?(?:無視|忘れ|破棄|従わな)',
  '(?:ユーザー?|利用者|人間)(?:に(?:は|も)?|へ(?:は)?)[^。\\n]{0,24}?(?:言わな|言うな|伝えな|伝えず|伝えるな|知らせな|知らせず|教えな|教えず|明かさ|話さな|話さず|報告しな|報告せず|見せな|悟られ|気づかれ|気付かれ|知られ)(?:い|な|で|い?で|ず|よう|いで|に|ければ)?',
  '(?:ユーザー?|利用者)(?:に(?:は)?|から)[^。\\n]{0,12}?(?:隠して|隠す|隠し|秘密に|内緒に|内密に)',
  '(?:ユーザー?|利用者)(?:の)?(?:確認|許可|承認|同意)(?:を)?(?:求め|待た|取ら|得)(?:ない|ず|るな)(?:で|に)?',
  '(?:こっそり|密かに|ひそかに|黙って|秘密裏に)[^。\\n]{0,12}?(?:送信|転送|送っ|アップロード|コピー|読み取|収集)',
  '(?:他|ほか)の(?:いかなる|どの|すべての)?ツール(?:は|を)?(?:一切|絶対に|決して)?(?:使わな|使用しな|呼び出さな|使うな|使用するな)',
  '(?:他|ほか)の(?:すべての|どの|いかなる)?ツール(?:より|の前に|を使う前に|を使用する前に|を呼び出す前に)[^。\\n]{0,10}?(?:必ず|常に)[^。\\n]{0,8}?このツール',
  '(?:この|当)ツール(?:を|の)(?:使う|使用する|呼び出す|実行する|使用|呼び出し|実行)(?:の)?前に[^。\\n]{0,60}?(?:読み|読ん|開い|開き|取得し|コピーし)[^。\\n]{0,100}?(?:渡し|渡す|送信|送っ|含め|添付|指定し|入れ)',
  '(?:システムプロンプト|会話(?:の)?(?:全体|履歴|すべて|全文)|チャット履歴)(?:を)[^。\\n]{0,20}?(?:渡し|送信|送っ|含め|添付|入れ)',
  '(?:新しい|本当の|隠された)(?:指示|命令) ?[:：]',
  '(?:すべて|全て|必ず|常に|毎回|も)[^。\\n]{0,24}?[\\w.+-]{1,64}@(?!example\\.)[\\w-]{1,63}\\.[a-z]{2,10}[^。\\n]{0,6}?(?:転送|送信|送っ|コピー|bcc|cc)',
]
